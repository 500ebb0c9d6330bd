import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { placeholderOf, segmentPlaceholder } from './segment.ts';

const forms: readonly (readonly [segment: string, placeholder: string | undefined])[] = [
  ['42', '{id}'],
  ['-5', '{id}'],
  ['1,2,3', '{id}'],
  ['51.507,-0.128', '{id}'],
  ['10.0.0.1', '{id}'],
  ['deadbeef', '{id}'],
  ['507f1f77bcf86cd799439011', '{id}'],
  ['01ARZ3NDEKTSV4RRFFQ69G5FAV', '{id}'],
  ['order-10023', '{id}'],
  ['9b2f7c1e-3d4a-4f6b-8c9d-0e1f2a3b4c5d', '{uuid}'],
  ['%7B9B2F7C1E-3D4A-4F6B-8C9D-0E1F2A3B4C5D%7D', '{uuid}'],
  ['2024-01-31', '{date}'],
  ['2024-01', '{date}'],
  ['2024-01-31T10:00:00.000Z', '{date}'],
  ['20240131T101500Z', '{date}'],
  ['jane@example.org', '{token}'],
  ['jane%40example.org', '{token}'],
  ['c2VjcmV0==', '{token}'],
  ['c2VjcmV0%3D', '{token}'],
  ['cus_9s6XKzkNRiz8i3', '{token}'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0', '{token}'],
  ['x'.repeat(65), '{token}'],
  ['17.json', '{id}.json'],
  ['17.JSON', '{id}.json'],
  ['index-DhG8fj2k.js', '{token}.js'],
  ['main.3f2a1bc9.chunk.css', '{token}.css'],
  ['main.3f2a1bc9.css', '{token}.css'],
  ['', undefined],
  ['orders', undefined],
  ['v1', undefined],
  ['v2.1', undefined],
  ['oauth2', undefined],
  ['facade', undefined],
  ['2024-99-99', undefined],
  ['john.doe', undefined],
  ['app.js', undefined],
  ['@scope', undefined],
  ['order-42', undefined],
  ['orders.v1.OrderService', undefined],
  ['GetUserSettingsByAccountId', undefined],
  ['ListOAuth2ClientsForProject', undefined],
  ['ConvertBase64ToUtf8String', undefined],
  ['how-to-build-a-house-in-2024', undefined],
  ['internationalization', undefined],
];

for (const [segment, placeholder] of forms) {
  test(`${JSON.stringify(segment.slice(0, 40))} is ${placeholder ?? 'a name'}`, () =>
    equal(placeholderOf(segment), placeholder));
}

test('of random tokens nine in ten are recognised', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let state = 1;
  const letter = (): string => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return letters[(state >>> 16) % letters.length] ?? '';
  };
  let found = 0;
  for (let i = 0; i < 2000; i++)
    if (placeholderOf(Array.from({ length: 22 }, letter).join('')) !== undefined) found++;
  equal(found > 1800, true, `${found} of 2000`);
});

test('a name that became a parameter keeps its extension', () => {
  equal(segmentPlaceholder('cat.png'), '{segment}.png');
  equal(segmentPlaceholder('john.doe'), '{segment}');
});
