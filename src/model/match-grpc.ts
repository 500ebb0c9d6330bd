import type { Condition } from './condition.ts';
import type { GrpcMatch } from './policy.ts';
import { compilePattern } from './regex.ts';

/** The two parts of the path of a call: `/shop.v1.Orders/Get`. */
const CALL = /^\/([^/]+)\/([^/]+)$/;

/**
 * The conditions of `grpc`: a service and a method, by the path that gRPC, gRPC-Web and Connect have for them. A path of
 * other than two segments fulfils none.
 *
 * @param whenTooLong what a regular expression says of a text that is too long to be looked at
 * @throws UserError when a pattern is not valid
 */
export function grpcConditions(
  { type, service, method }: GrpcMatch,
  whenTooLong: boolean,
): readonly Condition[] {
  const condition = (key: string, value: string, place: 1 | 2): Condition => {
    const found = (path: string) => CALL.exec(path)?.[place];
    const fits = type === 'Exact' ? (text: string) => text === value : compilePattern(value, whenTooLong);
    return {
      key: `grpc.${key}`,
      wanted: type === 'Exact' ? value : `RegularExpression ${value}`,
      cost: type === 'Exact' ? 1 : 2,
      // The path as it was sent: names of services and methods are never encoded, and so never in another form.
      holds: (request) => {
        const text = found(request.path);
        return text !== undefined && fits(text);
      },
      found: (request) => found(request.path),
    };
  };
  return [
    ...(service === undefined ? [] : [condition('service', service, 1)]),
    ...(method === undefined ? [] : [condition('method', method, 2)]),
  ];
}
