// CPU of an idle instance: node bench/idle.ts
import { measureIdle } from './idle-cost.ts';
import { understudy } from './contenders/understudy.ts';
import { openStage } from './stage.ts';

const contender = understudy();
if ('absent' in contender) throw new Error(contender.absent);
await using stage = await openStage();
const { share, seconds, rssBytes } = await measureIdle(stage, contender);
const percent = (share * 100).toFixed(2);
process.stdout.write(
  `idle for ${seconds} s: ${percent} % of a core, ${Math.round(rssBytes / 1024 ** 2)} MiB\n`,
);
process.stdout.write(`${share < 0.005 ? 'PASS' : 'FAIL'}  idle: less than 0.5 % of a core\n`);
