import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { rewritePath } from './path-rewrite.ts';

// The table in the Gateway API's documentation of `replacePrefixMatch`, and what it leaves open.
const PREFIX_CASES = [
  ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
  ['/foo', '/foo', '/xyz', '/xyz'],
  ['/foo/', '/foo', '/xyz', '/xyz/'],
  ['/foo/bar', '/foo', '', '/bar'],
  ['/foo/', '/foo', '', '/'],
  ['/foo', '/foo', '', '/'],
  ['/foo/', '/foo', '/', '/'],
  ['/foo', '/foo', '/', '/'],
  ['/foobar', '/foo', '/xyz', '/foobar'],
  ['/other', '/foo', '/xyz', '/other'],
  ['/a/b', '/', '/v2', '/v2/a/b'],
  ['/', '/', '/v2', '/v2/'],
  ['/Foo', '/foo', '/xyz', '/Foo'],
] as const;

for (const [path, prefix, replacePrefixMatch, expected] of PREFIX_CASES) {
  test(`${path} with prefix ${prefix} replaced by "${replacePrefixMatch}" is ${expected}`, () => {
    equal(rewritePath(path, { type: 'ReplacePrefixMatch', prefix, replacePrefixMatch }), expected);
  });
}

test('replaces the full path', () => {
  equal(rewritePath('/a/b', { type: 'ReplaceFullPath', replaceFullPath: '/c' }), '/c');
});
