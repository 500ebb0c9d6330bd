import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editorSchema } from './configuration-schema.ts';
import { generate } from './docs-configuration.ts';

const page = generate().find(({ path }) => path.endsWith('.md'))?.text ?? '';

test('every link in the page leads to a heading of it', () => {
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...page.matchAll(/\]\(#([^)]*)\)/g)].map(([, link = '']) => link);
  assert.ok(links.length > 20);
  assert.deepEqual(
    links.filter((link) => !anchors.includes(link)),
    [],
  );
  assert.equal(new Set(anchors).size, anchors.length, 'two headings have the same anchor');
});

test('every table has rows with as many cells as its head', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('|'));
  assert.ok(rows.length > 100);
  for (const row of rows) assert.ok([3, 4, 5].includes(row.split(/(?<!\\)\|/).length - 1), row);
});

test('the schema for editors knows no unknown keys, and none that is not there yet', () => {
  const schema = editorSchema();
  assert.doesNotMatch(schema, /"x-(?:type|default|examples)"|"not"|"namespaces"/);
  assert.match(schema, /"additionalProperties": false/);
  assert.match(schema, /"examples"/);
});
