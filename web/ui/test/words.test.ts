import assert from 'node:assert/strict';
import test from 'node:test';

// The language is kept by the browser.
Object.assign(globalThis, { localStorage: { getItem: () => null, setItem: () => undefined }, document: { documentElement: {} } });
Object.defineProperty(globalThis, 'navigator', { value: { language: 'en' }, configurable: true }); // Node 21 has one of its own
const { age, findingName, personName, setLanguage, t, waiting } = await import('../src/i18n');

test('person names read in the order of the language', () => {
  setLanguage('en');
  assert.equal(personName('Kim^Ann^^Dr.'), 'Kim, Dr. Ann');
  assert.equal(personName('Yamada^Tarou=山田^太郎=やまだ^たろう'), 'Yamada, Tarou (山田太郎)');
  assert.equal(personName('DOE'), 'DOE');
  assert.equal(personName(''), '—');
  setLanguage('zh');
  assert.equal(personName('Yamada^Tarou=山田^太郎=やまだ^たろう'), '山田太郎 (Yamada, Tarou)');
  setLanguage('en');
});

test('nothing is ever called normal', () => {
  for (const l of ['en', 'zh'] as const) {
    setLanguage(l);
    assert.ok(!/normal|正常/i.test(t('noneAbove') + t('not_analysed')));
  }
  setLanguage('en');
});

test('ages come from the header, else from the birth date', () => {
  assert.equal(age('003Y', '', ''), '3 y');
  assert.equal(age('011M', '', ''), '11 mo');
  assert.equal(age('', '19800615', '20200614'), '39 y');
  assert.equal(age('', 'x', '20200614'), '');
});

test('findings are named by code, technical labels by themselves', () => {
  assert.equal(findingName({ label: 'pneumonia', code: { value: '233604007', meaning: 'Pneumonia' } }), 'Pneumonia');
  assert.equal(findingName({ label: 'some_thing', code: null }), 'Some thing');
});

test('waiting is told in plain units', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  assert.equal(waiting('2026-01-01T23:55:00Z', now), '5 min');
  assert.equal(waiting('2026-01-01T20:55:00Z', now), '3 h 5 min');
  assert.equal(waiting('2025-12-20T00:00:00Z', now), '13 d');
});
