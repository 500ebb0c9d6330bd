import { parseConfig } from '../../config/load.ts';
import { diskSurroundings } from '../../config/surroundings.ts';
import type { Settings } from '../../model/settings.ts';
import type { Trio } from './messages.ts';
import { STOCK_PROTO } from './stock.ts';

/** The policies of the demo. */
export const POLICIES = ['orders-v2', 'stock-v2'] as const;

const PROTO_FILE = 'stock.proto';

/** The demo's configuration, as it would stand in a file. */
function configText(
  { orders, stock }: { readonly orders: Trio; readonly stock: Trio },
  level: string,
): string {
  return `
admin: { listen: 127.0.0.1:0 }
log: { level: ${JSON.stringify(level)} }
listeners:
  - { name: orders, listen: 127.0.0.1:0, primary: ${orders.primary} }
  - { name: stock, listen: 127.0.0.1:0, primary: ${stock.primary} }
policies:
  - name: orders-v2
    taps: [orders]
    mirrors: [{ name: v2, url: ${orders.mirror} }]
    control: { url: ${orders.control} }
  - name: stock-v2
    taps: [stock]
    mirrors: [{ name: v2, url: ${stock.mirror} }]
    control: { url: ${stock.control} }
    compare: { protobuf: { protos: [${PROTO_FILE}] } }
`;
}

/** @param level of the log: what goes on is shown by the demo itself */
export function demoSettings(
  stage: { readonly orders: Trio; readonly stock: Trio },
  env: Readonly<Record<string, string | undefined>>,
  level: string,
): Settings {
  const disk = diskSurroundings(process.cwd(), env);
  const surroundings = {
    ...disk,
    exists: (path: string) => path === PROTO_FILE || disk.exists(path),
    readText: (path: string) => (path === PROTO_FILE ? STOCK_PROTO : disk.readText(path)),
  };
  return parseConfig(configText(stage, level), 'the demo', surroundings).settings;
}
