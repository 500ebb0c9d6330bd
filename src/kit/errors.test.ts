import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { UserError, messageOf } from './errors.ts';

test('a user error says what, where and how to mend it, and keeps its cause', () => {
  const cause = new Error('ENOENT');
  const error = new UserError('no such file', {
    code: 'config',
    where: 'a.yaml:3:1',
    hint: 'check the path',
    cause,
  });
  equal(error.code, 'config');
  equal(error.where, 'a.yaml:3:1');
  equal(error.hint, 'check the path');
  equal(error.cause, cause);
  equal(error.name, 'UserError');
});

test('a user error is a usage error unless told otherwise, and has no cause of its own', () => {
  const error = new UserError('x');
  equal(error.code, 'usage');
  equal('cause' in error, false);
});

test('anything that was thrown has a text', () => {
  equal(messageOf(new Error('a')), 'a');
  equal(messageOf('b'), 'b');
  equal(messageOf(undefined), 'undefined');
});
