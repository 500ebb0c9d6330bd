import type { Clock } from '../kit/clock.ts';
import { systemClock } from '../kit/clock.ts';
import type { Logger } from '../kit/log.ts';
import { silentLogger } from '../kit/log.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';
import { FileSource } from './file-source.ts';
import { InterfaceSource } from './interface-source.ts';
import { PcapOverIpSource } from './pcap-over-ip-source.ts';
import { TunnelSource } from './tunnel-source.ts';
import type { CaptureSource } from './source.ts';

export interface CaptureSourceOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Told what its owner should know: smaller buffers than asked for, programs started again. Default: silent. */
  readonly log?: Logger;
}

/** Makes a source for its settings; nothing is opened before its `start`. */
export function createCaptureSource(
  settings: CaptureSourceSettings,
  options: CaptureSourceOptions = {},
): CaptureSource {
  const { clock = systemClock, log = silentLogger } = options;
  switch (settings.kind) {
    case 'file':
      return new FileSource(settings, clock);
    case 'interface':
      return new InterfaceSource(settings, clock, log);
    case 'vxlan':
    case 'geneve':
      return new TunnelSource(settings, clock, log);
    case 'pcap-over-ip':
      return new PcapOverIpSource(settings, clock, log);
  }
}
