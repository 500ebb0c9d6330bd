import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { UserError } from '../kit/errors.ts';
import { checkBodyPattern, checkPathPattern } from './path-pattern.ts';

for (const [pattern, normal] of [
  ['body'],
  ['body.user.name'],
  ['body.items[].price'],
  ['body.matrix[][]'],
  ['body[].id'],
  ['body["odd name"].x'],
  ['body["a\\"]b"]'],
  ['body.*.price'],
  ['body.items[].**'],
  ['body.größe'],
  ['body.a-b:c@d'],
  ['header.X-Build', 'header.x-build'],
  ['header.*'],
  ['trailer.grpc-status'],
  ['status'],
  ['*.x'],
  ['**'],
] as const) {
  test(`takes ${pattern}`, () => assert.equal(checkPathPattern(pattern), normal ?? pattern));
}

for (const [pattern, wrong] of [
  ['', /does not begin/],
  ['failure.timeout', /compare\.gate\.mirrorErrors/],
  ['latency.total', /compare\.gate\.latency/],
  ['generatedAt', /a field of the body is body\.generatedAt/],
  ['$.items', /did you mean body\.items\?/],
  ['headers.date', /did you mean header\.date\?/],
  ['body.items[0].price', /indexes are folded/],
  ['body.items[*].price', /indexes are folded/],
  ["body['x']", /neither \[\] nor a quoted name/],
  ['body["x]', /neither \[\] nor a quoted name/],
  ['body["\\x"]', /neither \[\] nor a quoted name/],
  ['body.**.price', /nothing comes after/],
  ['body.pri*', /whole name/],
  ['body.', /is not a path from "\."/],
  ['body..x', /is not a path/],
  ['body. x', /is not a path/],
  ['body.x ', /is not a path/],
  ['header', /not one header/],
  ['header.a.b', /not one header/],
  ['status.code', /nothing is below/],
  [`body${'[]'.repeat(65)}`, /65 steps/],
  [`body.${'x'.repeat(600)}`, /605 characters/],
] as const) {
  test(`refuses ${pattern.slice(0, 40)}`, () => {
    assert.throws(
      () => checkPathPattern(pattern),
      (error) => error instanceof UserError && wrong.test(`${error.message}\n${error.hint}`),
    );
  });
}

test('the path of an array is in the body', () => {
  assert.equal(checkBodyPattern('body[].tags'), 'body[].tags');
  assert.equal(checkBodyPattern('body'), 'body');
  for (const path of ['header.x', '**', 'status', '*.tags'])
    assert.throws(() => checkBodyPattern(path), UserError, path);
});

test('property: any text is a pattern or a user error', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('body', '.', '[]', '["', '"]', '*', '**', 'x', '\\', '[0]', '\u0000'))
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (pattern) => {
      try {
        assert.equal(checkPathPattern(checkPathPattern(pattern)), checkPathPattern(pattern));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
