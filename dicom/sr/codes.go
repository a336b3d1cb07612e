package sr

import "github.com/radnode/radnode"

func dcm(value, meaning string) radnode.Concept {
	return radnode.Concept{Value: value, Scheme: "DCM", Meaning: meaning}
}

func sct(value, meaning string) radnode.Concept {
	return radnode.Concept{Value: value, Scheme: "SCT", Meaning: meaning}
}

// Concepts of PS3.16 Annex D and its context groups.
var (
	ImagingMeasurementReport   = dcm("126000", "Imaging Measurement Report")
	ImagingMeasurements        = dcm("126010", "Imaging Measurements")
	DerivedImagingMeasurements = dcm("126011", "Derived Imaging Measurements")
	QualitativeEvaluations     = radnode.Concept{Value: "C0034375", Scheme: "UMLS", Meaning: "Qualitative Evaluations"}
	LanguageOfContent          = dcm("121049", "Language of Content Item and Descendants")
	CountryOfLanguage          = dcm("121046", "Country of Language")
	ProcedureReported          = dcm("121058", "Procedure reported")
	MeasurementGroupName       = dcm("125007", "Measurement Group")

	ObserverType           = dcm("121005", "Observer Type")
	PersonType             = dcm("121006", "Person")
	DeviceType             = dcm("121007", "Device")
	PersonObserverName     = dcm("121008", "Person Observer Name")
	PersonOrganization     = dcm("121009", "Person Observer's Organization Name")
	PersonRoleOrganization = dcm("121010", "Person Observer's Role in the Organization")
	PersonRoleProcedure    = dcm("121011", "Person Observer's Role in this Procedure")
	PersonLogin            = dcm("128774", "Person Observer's Login Name")
	DeviceUID              = dcm("121012", "Device Observer UID")
	DeviceName             = dcm("121013", "Device Observer Name")
	DeviceManufacturer     = dcm("121014", "Device Observer Manufacturer")
	DeviceModel            = dcm("121015", "Device Observer Model Name")
	DeviceSerial           = dcm("121016", "Device Observer Serial Number")
	DeviceLocation         = dcm("121017", "Device Observer Physical Location During Observation")
	StationAETitle         = dcm("110119", "Station AE Title")
	DeviceRole             = dcm("113876", "Device Role in Procedure")
	ProcedureStudy         = dcm("121018", "Procedure Study Instance UID")
	ProcedureComponent     = dcm("121019", "Procedure Study Component UID")
	AccessionNumber        = dcm("121022", "Accession Number")
	SubjectClass           = dcm("121024", "Subject Class")

	AlgorithmName          = dcm("111001", "Algorithm Name")
	AlgorithmVersion       = dcm("111003", "Algorithm Version")
	AlgorithmManufacturer  = dcm("122405", "Algorithm Manufacturer")
	AlgorithmParameters    = dcm("111002", "Algorithm Parameters")
	AlgorithmFamily        = dcm("111000", "Algorithm Family")
	ArtificialIntelligence = dcm("123110", "Artificial Intelligence")

	TrackingIdentifier       = dcm("112039", "Tracking Identifier")
	TrackingUniqueIdentifier = dcm("112040", "Tracking Unique Identifier")
	ActivitySession          = radnode.Concept{Value: "C67447", Scheme: "NCIt", Meaning: "Activity Session"}
	FindingCategory          = sct("276214006", "Finding category")
	FindingName              = dcm("121071", "Finding")
	FindingSite              = sct("363698007", "Finding Site")
	Laterality               = sct("272741003", "Laterality")
	TopographicalModifier    = sct("106233006", "Topographical modifier")
	MeasurementMethod        = sct("370129005", "Measurement Method")
	ImageRegion              = dcm("111030", "Image Region")
	SourceOfMeasurement      = dcm("121112", "Source of Measurement")
	RegionSource             = sct("260753009", "Source")
	ReferencedSegmentFrame   = dcm("121214", "Referenced Segmentation Frame")
	ReferencedSegment        = dcm("121191", "Referenced Segment")
	SegmentSourceImage       = dcm("121233", "Source image for segmentation")
	SegmentSourceSeries      = dcm("121232", "Source series for segmentation")
	RealWorldValueMap        = dcm("126100", "Real World Value Map used for measurement")

	TimePointName       = radnode.Concept{Value: "C2348792", Scheme: "UMLS", Meaning: "Time Point"}
	TimePointType       = dcm("126072", "Time Point Type")
	TimePointOrder      = dcm("126073", "Time Point Order")
	SubjectTimePointID  = dcm("126070", "Subject Time Point Identifier")
	ProtocolTimePointID = dcm("126071", "Protocol Time Point Identifier")

	Path                = dcm("121055", "Path")
	AreaOutline         = dcm("121056", "Area outline")
	UncertaintyUp       = sct("371886008", "+, range of upper measurement uncertainty")
	UncertaintyDown     = sct("371885007", "-, range of lower measurement uncertainty")
	Equation            = dcm("121420", "Equation")
	NormalRange         = dcm("121407", "Normal Range description")
	NormalRangeSource   = dcm("121408", "Normal Range Authority")
	Population          = dcm("121405", "Population description")
	PopulationSource    = dcm("121406", "Reference Authority")
	ZScore              = dcm("121416", "Z-Score of measurement")
	PercentileRank      = dcm("121415", "Percentile Ranking of measurement")
	Derivation          = dcm("121401", "Derivation")
	Normality           = dcm("121402", "Normality")
	LevelOfSignificance = dcm("121403", "Level of Significance")
	SelectionStatus     = dcm("121404", "Selection Status")
	CertaintyOfFinding  = dcm("111012", "Certainty of Finding")
	Impression          = dcm("121073", "Impression")
	Comment             = dcm("121106", "Comment")

	ImageLibraryName  = dcm("111028", "Image Library")
	ImageLibraryGroup = dcm("126200", "Image Library Group")
	ModalityName      = dcm("121139", "Modality")
	TargetRegion      = dcm("123014", "Target Region")
	ImageLaterality   = dcm("111027", "Image Laterality")
	ImageView         = dcm("111031", "Image View")
	StudyDate         = dcm("111060", "Study Date")
	StudyTime         = dcm("111061", "Study Time")
	AcquisitionDate   = dcm("126201", "Acquisition Date")
	AcquisitionTime   = dcm("126202", "Acquisition Time")
	FrameOfReference  = dcm("112227", "Frame of Reference UID")
	ContentDate       = dcm("111018", "Content Date")
	ContentTime       = dcm("111019", "Content Time")
	HorizontalSpacing = dcm("111026", "Horizontal Pixel Spacing")
	VerticalSpacing   = dcm("111066", "Vertical Pixel Spacing")
	OrientationRow    = dcm("111044", "Patient Orientation Row")
	OrientationColumn = dcm("111043", "Patient Orientation Column")
	PrimaryAngle      = dcm("112011", "Positioner Primary Angle")
	SecondaryAngle    = dcm("112012", "Positioner Secondary Angle")
	PixelRows         = dcm("110910", "Pixel Data Rows")
	PixelColumns      = dcm("110911", "Pixel Data Columns")

	Yes          = sct("373066001", "Yes")
	No           = sct("373067005", "No")
	Undetermined = sct("373068000", "Undetermined")

	ImagingProcedure = sct("363679005", "Imaging procedure")
	PlainChestXRay   = sct("399208008", "Plain chest X-ray")

	DiagnosticImagingReport = radnode.Concept{Value: "18748-4", Scheme: "LN", Meaning: "Diagnostic Imaging Report"}
	FindingsLOINC           = radnode.Concept{Value: "59776-5", Scheme: "LN", Meaning: "Findings"}
	ImpressionsLOINC        = radnode.Concept{Value: "19005-8", Scheme: "LN", Meaning: "Impressions"}
	StudyInstanceUID        = dcm("110180", "Study Instance UID")
	Findings                = dcm("121070", "Findings")
	Impressions             = dcm("121072", "Impressions")

	ProcessingEquipment = dcm("109102", "Processing Equipment")
)

// Units of UCUM.
var (
	Percent = radnode.Concept{Value: "%", Scheme: "UCUM", Meaning: "Percent"}
	NoUnits = radnode.Concept{Value: "1", Scheme: "UCUM", Meaning: "no units"}
	Ratio   = radnode.Concept{Value: "{ratio}", Scheme: "UCUM", Meaning: "ratio"}
	Pixels  = radnode.Concept{Value: "{pixels}", Scheme: "UCUM", Meaning: "pixels"}
	Degrees = radnode.Concept{Value: "deg", Scheme: "UCUM", Meaning: "degrees"}
	PerPix  = radnode.Concept{Value: "mm/{pixel}", Scheme: "UCUM", Meaning: "mm/pixel"}
	MM      = radnode.Concept{Value: "mm", Scheme: "UCUM", Meaning: "mm"}
	MM2     = radnode.Concept{Value: "mm2", Scheme: "UCUM", Meaning: "square millimeter"}
)

// languages are the meanings of the RFC 5646 tags reports are written in.
var languages = map[string]string{
	"en": "English", "zh": "Chinese", "de": "German", "fr": "French", "es": "Spanish", "ja": "Japanese", "ar": "Arabic",
}

// LanguageOf returns the concept of an RFC 5646 tag.
func LanguageOf(tag string) radnode.Concept {
	meaning := languages[tag]
	if meaning == "" {
		meaning = tag
	}
	return radnode.Concept{Value: tag, Scheme: "RFC5646", Meaning: meaning}
}
