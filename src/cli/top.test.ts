import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { exampleMirror, examplePolicy, exampleSummary } from '../../test/fixtures/status.ts';
import { exampleFinding, exampleMirrorVerdict, exampleVerdict } from '../../test/fixtures/verdict.ts';
import { columnsOf } from '../report/columns.ts';
import type { TopView } from './top-view.ts';
import { drawn, eventText, topLine, topLines } from './top-view.ts';

const SCREEN = { columns: 100, rows: 40, colour: false };

function viewOf(part: Partial<TopView> = {}): TopView {
  const verdicts = [exampleVerdict()];
  const before = { at: 1000, summary: exampleSummary, policies: [examplePolicy], verdicts };
  const mirror = { ...exampleMirror, mirrored: 290, pairs: { same: 270, different: 17, incomplete: 1 } };
  const now = {
    at: 3000,
    summary: { ...exampleSummary, requests: { http1: 520, http2: 0 }, mirrored: 290 },
    policies: [{ ...examplePolicy, mirrors: [mirror] }],
    verdicts,
  };
  return { url: 'http://127.0.0.1:9900', now, before, events: [], trouble: undefined, ...part };
}

test('the screen shows rates, the verdict, the worst findings and latency', () => {
  deepEqual(topLines(viewOf({ events: ['12:00:00 draining'] }), SCREEN), [
    'understudy 0.1.0 at http://127.0.0.1:9900, up 1m1s    q ends',
    '200 requests/s · 3 connections · 100 copies/s · 20 writes held back',
    '',
    'FAIL orders-v2 → v2',
    '  100 copies/s · 5 different/s · 0 failed/s · queue 0 · breaker closed',
    '  12,000 pairs, 92.5 % the same',
    '  differences 6.1 % (5.5 % … 6.7 %), allowed 0.1 %',
    '  mirrorErrors 0.017 % (0 % … 0.09 %), allowed 0.1 %',
    '  body.customer.email of GET /api/orders/{id} is missing in 12 % of the pairs',
    '',
    'findings (4)',
    '       12 %  high    missing body.customer.email of GET /api/orders/{id}, fails the gate',
    '      0.1 %  medium  value body.total of GET /api/orders/{id}, fails the gate',
    '       12 %  medium  value body.stock of GET /api/orders/{id}, follows from held writes',
    '        0 %  low     added body.hint of GET /api/orders/{id}, no more than noise',
    '',
    'latency p99, reference → mirror',
    '  12.5 ms → 31 ms         GET /api/orders/{id}',
    '  12.5 ms → 31 ms         GET /api/health',
    '',
    '12:00:00 draining',
  ]);
});

test('captures have a line of their own', () => {
  const view = viewOf();
  const packets = { ...exampleSummary.packets, seen: 5000, lost: 7, missingBytes: 2900 };
  const summary = { ...view.now.summary, captures: 1, packets };
  equal(
    topLines({ ...view, now: { ...view.now, summary } }, SCREEN)[2],
    '2,500 packets/s · 7 lost · 2,900 bytes missing · 0 damaged · 1 exchanges incomplete, 0 guessed',
  );
  equal(
    eventText({ type: 'capture-over', at: 1, tap: 'port', problem: 'eth1 is gone' }),
    'capture port has ended: eth1 is gone',
  );
});

test('it never is wider or higher than the screen, and obeys nothing that comes over the network', () => {
  const hostile = '\u001B[2J\r\n漢字'.repeat(30);
  const finding = exampleFinding({ path: hostile, route: hostile });
  const mirrors = [
    exampleMirrorVerdict({ findings: Array.from({ length: 100 }, () => finding), reasons: [hostile] }),
  ];
  const view = viewOf({ events: [hostile], trouble: hostile });
  const now = { ...view.now, verdicts: [exampleVerdict({ mirrors })] };
  for (const columns of [20, 80, 200]) {
    for (const rows of [1, 5, 12, 60]) {
      const lines = topLines({ ...view, now }, { columns, rows, colour: false });
      ok(lines.length <= Math.max(1, rows - 1), `${lines.length} of ${rows}`);
      for (const line of lines) {
        ok(columnsOf(line) <= columns, line);
        doesNotMatch(line, /\p{C}/u);
      }
    }
  }
});

test('rates are not known at first, and a policy without a verdict says so', () => {
  const view = viewOf({ before: undefined });
  const lines = topLines({ ...view, now: { ...view.now, verdicts: [] } }, SCREEN);
  match(lines[1] ?? '', /^– requests\/s/);
  equal(lines[3], 'NO VERDICT orders-v2 → v2');
});

test('the state is coloured where that is wanted', () => {
  const lines = topLines(viewOf(), { ...SCREEN, colour: true });
  equal(lines[3], '\u001B[1;31mFAIL\u001B[0m orders-v2 → v2');
});

test('a line for a log says the same in short', () => {
  equal(topLine(viewOf()), '200 requests/s · orders-v2 → v2 fail: 12,000 pairs, 2 failing findings');
});

test('lines clear what was there before', () => {
  equal(drawn(['a', 'b']), '\u001B[Ha\u001B[K\r\nb\u001B[K\u001B[J');
});

test('events are told in words, and what is unknown or comes each second is not', () => {
  equal(eventText({ type: 'summary', at: 1, summary: exampleSummary }), undefined);
  equal(
    eventText({ type: 'breaker-opened', at: 1, policy: 'p', mirror: 'm', reason: 'x' }),
    'breaker of p/m opened: x',
  );
  equal(eventText(JSON.parse('{"type":"new","at":1}')), undefined);
});
