import { startAdmin } from './admin/server.ts';
import { dispatch } from './cli/dispatch.ts';
import { processContext } from './cli/process-context.ts';
import type { Runtime, StartRuntime } from './model/runtime.ts';
import { version } from './version.ts';
import { Instance } from './workers/instance.ts';

/** Puts an instance and its admin API together. */
const startRuntime: StartRuntime = async (settings, hooks): Promise<Runtime> => {
  const instance = await Instance.start(settings, hooks);
  const { listen, token } = settings.admin;
  try {
    const admin =
      listen === undefined
        ? undefined
        : await startAdmin({ listen, token, source: instance, log: hooks.log });
    return {
      adminUrl: admin?.url,
      finished: instance.finished,
      summary: () => instance.summary(),
      taps: () => instance.taps(),
      policies: () => instance.policies(),
      pause: (policy, reason) => instance.pause(policy, reason),
      resume: (policy) => instance.resume(policy),
      verdict: (policy) => instance.verdict(policy),
      exchanges: (filter) => instance.exchanges(filter),
      exchange: (id) => instance.exchange(id),
      store: () => instance.store(),
      ignore: (policy, finding) => instance.ignore(policy, finding),
      metrics: () => instance.metrics(),
      ready: () => instance.ready(),
      events: (signal) => instance.events(signal),
      reload: (changed) => instance.reload(changed),
      refused: (problems) => instance.refused(problems),
      drain: () => instance.drain(),
      async [Symbol.asyncDispose]() {
        await admin?.[Symbol.asyncDispose]();
        await instance[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await instance[Symbol.asyncDispose]();
    throw error;
  }
};

process.exitCode = await dispatch(process.argv.slice(2), processContext({ version, startRuntime }));
