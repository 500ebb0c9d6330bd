import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { backoffMs } from '../kit/backoff.ts';
import type { Clock } from '../kit/clock.ts';
import { UserError, messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { addressText } from '../model/address.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';
import type { Address } from '../model/settings.ts';
import { CaptureFeed } from './capture-feed.ts';
import { sleep } from './sleep.ts';
import { createSourceCounts } from './source.ts';
import type { CaptureSink, CaptureSource } from './source.ts';

const RECONNECT = { baseMs: 250, maxMs: 15_000 };
const CONNECT_MS = 10_000;
/** A peer that is gone without a word is found out by the kernel's probes, ms of silence. */
const KEEP_ALIVE_MS = 15_000;
const IDLE_MS = 1000;

/**
 * Packets that a peer writes as pcap or pcapng on a TCP connection (pcap-over-IP: PolarProxy, `nc -l < file`, another
 * Understudy's output). When the peer goes away, or writes what is no capture, it is connected to again; each is a restart.
 */
export class PcapOverIpSource implements CaptureSource {
  readonly description: string;
  readonly counts = createSourceCounts();
  readonly patient = false;
  readonly #address: Address;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #socket: Socket | undefined;
  #running: Promise<void> | undefined;

  constructor(settings: Extract<CaptureSourceSettings, { kind: 'pcap-over-ip' }>, clock: Clock, log: Logger) {
    this.#address = settings.address;
    this.#clock = clock;
    this.#log = log;
    this.description = `pcap over IP from ${addressText(settings.address)}`;
  }

  async start(sink: CaptureSink): Promise<void> {
    try {
      this.#socket = await this.#connect();
    } catch (error) {
      const where = addressText(this.#address);
      throw new UserError(`${where} cannot be connected to: ${messageOf(error)}`, {
        code: 'unavailable',
        where,
        hint: 'A peer has to listen there, and write a capture to who connects.',
        cause: error,
      });
    }
    // Stopped while it was connecting.
    if (this.#stopped.signal.aborted) this.#socket.destroy();
    const feed = new CaptureFeed(sink, this.counts, this.#clock);
    this.#running = this.#run(feed, this.#socket).then(() => sink.end(undefined));
  }

  pause(): void {}

  resume(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    this.#socket?.destroy();
    await this.#running;
  }

  async #run(feed: CaptureFeed, first: Socket): Promise<void> {
    const { signal } = this.#stopped;
    const stopIdle = this.#clock.every(IDLE_MS, () => feed.idle());
    let socket: Socket | undefined = first;
    let failures = 0;
    for (;;) {
      if (socket !== undefined) {
        const before = this.counts.packets;
        const reason = await this.#read(feed, socket);
        if (signal.aborted) break;
        if (this.counts.packets > before) failures = 0;
        this.#log.warn('the peer is gone, and is connected to again', { source: this.description, reason });
      }
      await sleep(backoffMs(failures++, RECONNECT), this.#clock, signal);
      if (signal.aborted) break;
      feed.restart();
      socket = await this.#connect().catch(() => undefined);
      this.#socket = socket;
      if (socket !== undefined) this.counts.restarts++;
      if (signal.aborted) socket?.destroy();
    }
    stopIdle();
  }

  /** @returns why it is over */
  async #read(feed: CaptureFeed, socket: Socket): Promise<string> {
    try {
      for await (const chunk of socket) {
        feed.write(chunk as Buffer);
        feed.batch();
        if (feed.problem !== undefined) return feed.problem;
      }
      return 'it closed the connection';
    } catch (error) {
      return messageOf(error);
    } finally {
      socket.destroy();
    }
  }

  #connect(): Promise<Socket> {
    const address = this.#address;
    const socket = connect(address.kind === 'tcp' ? { host: address.host, port: address.port } : address);
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(CONNECT_MS, () => socket.destroy(new Error('no answer')));
      const fail = (error: Error): void => {
        cancel();
        reject(error);
      };
      socket.once('error', fail);
      socket.once('connect', () => {
        cancel();
        socket.off('error', fail);
        socket.setKeepAlive(true, KEEP_ALIVE_MS);
        // Nothing is ever said to the peer, whose side may have been closed for that reason.
        resolve(socket);
      });
    });
  }
}
