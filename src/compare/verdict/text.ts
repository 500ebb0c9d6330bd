/** `10.1 %`; small shares keep two digits. */
export function percentText(share: number): string {
  const percent = share * 100;
  const digits = percent >= 10 ? 3 : 2;
  return `${Number(percent.toPrecision(digits))} %`;
}

/** `2,311` */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `1 finding`, `2 findings`. */
export function countOf(count: number, thing: string): string {
  return `${countText(count)} ${thing}${count === 1 ? '' : 's'}`;
}
