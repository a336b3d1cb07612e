// The JSON of the product API, as the Go types tag it.
export type UID = string;

export interface Concept { value: string; scheme: string; meaning: string }
export interface ModelRef { id: string; version: string; digest: string }

export interface Heatmap {
  rows: number; columns: number; left: number; top: number; width: number; height: number; max: number; values: string;
}
export interface Finding {
  label: string; code: Concept | null; probability: number; threshold: number; present: boolean; heatmap?: Heatmap;
  region?: Region; measurement?: Measurement; undecided?: boolean; interval?: { low: number; high: number; runs: number };
  agreement?: { models: number; present: number; low: number; high: number };
}
export interface Stage {
  name: string; step: string; parameters?: Record<string, unknown>; ms: number; file: string; note?: string; values?: Record<string, number>;
}
export interface Provenance {
  input_digest: string; pipeline_digest: string; tensor_digest: string; runtime: string; device: string; fallbacks?: string[];
  software: string; evaluation: string; calibrated: boolean;
}
export interface Result {
  id: string; created_at: string; sop_instance_uid: UID; frame?: number; gate: { accepted: boolean; reasons: string[] | null };
  model: ModelRef; device: string; findings: Finding[] | null; features: Record<string, number> | null; measured?: Measured[];
  timings_ms: { decode: number; preprocess: number; inference: number }; error: string | null; provenance?: Provenance; stages?: Stage[];
}

export type StudyState = 'arriving' | 'analysing' | 'to_review' | 'not_analysed' | 'signed' | 'delivered' | 'undelivered';

export interface StudySummary {
  study_uid: UID; patient_name: string; patient_id: string; patient_birth_date: string; patient_sex: string; patient_age: string;
  study_date: string; study_time: string; accession_number: string; description: string; modalities: string[] | null;
  series_count: number; instance_count: number; state: StudyState; state_reason: string; urgency: number; findings: string[] | null; assessed: boolean;
  source: string; reader: string; delivery_state: string; first_received_at: string; last_received_at: string; version: number;
}
export interface Instance {
  sop_instance_uid: UID; sop_class_uid: UID; instance_number: number; rows: number; columns: number; frames: number; size: number;
  transfer_syntax_uid: UID; digest: string; source: string; received_at: string;
}
export interface Series {
  series_uid: UID; modality: string; number: number; description: string; body_part: string; instances: Instance[];
}
export type Decision = 'undecided' | 'accepted' | 'rejected';
export interface ReportFinding {
  id: string; result_id: string; sop_instance_uid: UID; frame: number; model: ModelRef; finding: Finding; decision: Decision;
  reason: string; decided_by: string; decided_at: string | null; reading?: Reading;
}
/** What a reader states of a finding, in place of what a model did. */
export interface Reading { label: string; code: Concept | null; text: string; region?: Region; measurement?: Measurement; reason?: string; by: string; at: string }
export interface Region { graphic: 'POINT' | 'POLYLINE' | 'CIRCLE' | 'ELLIPSE'; points: number[] } // column and row by turns
export interface Measurement { name: string; value: number; unit: string }
/** A number that a pipeline measured, with the lines and outlines it was measured by. */
export interface Measured extends Measurement { regions: (Region & { name: string })[] }
export interface Term { label: string; code: Concept | null; en: string; zh: string }
export interface Delivery {
  id: string; report_id: string; study_uid: UID; peer: string; kind: string; state: 'queued' | 'sent' | 'delivered' | 'unprovable' | 'failed'; proof: string;
  attempts: number; error: string; next_attempt: string | null; updated_at: string;
}
export interface Report {
  id: string; study_uid: UID; state: 'draft' | 'awaiting_second' | 'signed' | 'superseded'; version: number; sop_instance_uid: UID; predecessor?: string;
  findings: ReportFinding[] | null; not_analysed: string[] | null; impression: string; created_at: string; signed_at: string | null;
  signed_by: string; second_signed_at?: string | null; second_signed_by?: string; deliveries: Delivery[] | null;
  findings_text: string; language: string; addenda: { text: string; by: string; at: string | null }[] | null;
}
export interface Prior extends StudySummary { reports: Report[] | null }
export interface Study extends StudySummary { series: Series[] | null; results: Result[] | null; reports: Report[] | null; warnings: string[] | null }

export interface LUT { first: number; bits: number; explanation?: string; values: number[] }
export interface Window { center: number; width: number; explanation?: string }
export interface ImageDescription {
  rows: number; columns: number; frames: number; samples: number; bits_allocated: number; bits_stored: number; signed: boolean;
  photometric: string; slope: number; intercept: number; modality_lut?: LUT; units?: string; windows: Window[] | null;
  voi_function: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID'; voi_luts?: LUT[]; inverse: boolean;
  palette?: { first: number; red: string; green: string; blue: string; supplemental?: boolean }; padding?: [number, number];
  pixel_spacing?: [number, number]; spacing_source?: string; pixel_aspect?: [number, number]; orientation?: [string, string]; directions?: number[]; frame_of_ref?: UID;
  laterality?: string; view_position?: string; image_type?: string[]; lossy_ratio?: number; burned_in?: string; frame_time_ms?: number;
  transfer_syntax?: UID; unviewable?: string; float?: boolean; per_frame?: { slope: number; intercept: number; windows: Window[] | null }[];
}
export interface Manifest {
  series_uid: UID; study_uid: UID; modality: string; description: string; images: ImageDescription[];
  instances: { uids: UID[]; numbers: number[]; image: number[]; windows: Window[][]; positions?: [number, number, number][]; bytes: number[] };
  other: { sop_instance_uid: UID; sop_class_uid: UID }[];
}

export type Role = 'admin' | 'radiologist' | 'technologist' | 'service';
export interface User { name: string; full_name: string; role: Role; disabled: boolean }
export interface Session { user: User; csrf?: string; notice?: string; node: { version: string; ae_title: string; now: string } }
export interface Peer { name: string; ae_title: string; host: string; port: number; allow: string[] | null; deliver: string[] | null; source: string }
export interface LedgerRow { kind: string; state: string; count: number; unaccounted: boolean; detail?: string }
export interface Model {
  id: string; version: string; name: string; digest: string; licence: string; intended_use: string; not_for: string[] | null; calibrated: boolean;
  evaluation: string; state: string; error?: string; device: string; fallbacks?: string[]; gate: string[] | null; pipeline: string[] | null;
  labels: { name: string; code: Concept | null; threshold: number; urgency: number; heatmap: boolean }[] | null; card: string;
}
export interface AuditEvent {
  id: string; at: string; action: string; event_code: string; actor: string; remote: string; study_uid: UID; object_id: string; failed: boolean; detail: string;
}
export interface Token { name: string; role: Role; created_at: string }
export interface Change { kind: string; study_uid?: UID; id?: string }
