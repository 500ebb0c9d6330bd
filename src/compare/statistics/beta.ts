/**
 * Error term of Stirling's formula: log Γ(x) − ((x − ½) log x − x + ½ log 2π), for x >= 10. Source: NIST DLMF 5.11.1; six
 * terms are exact to 1e-16 from there on.
 */
function stirlingError(x: number): number {
  const square = 1 / (x * x);
  const series =
    1 / 12 +
    square *
      (-1 / 360 +
        square * (1 / 1260 + square * (-1 / 1680 + square * (1 / 1188 - (square * 691) / 360_360))));
  return series / x;
}

const HALF_LOG_TWO_PI = 0.918_938_533_204_672_8;
/** From here on Stirling's series is exact to the last bits. */
const LARGE = 10;

/** log Γ(x) for x > 0. Below 10 the argument is raised by Γ(x + 1) = x Γ(x). */
export function logGamma(x: number): number {
  let product = 1;
  let raised = x;
  while (raised < LARGE) product *= raised++;
  return (
    (raised - 0.5) * Math.log(raised) - raised + HALF_LOG_TWO_PI + stirlingError(raised) - Math.log(product)
  );
}

/**
 * log B(a, b) = log Γ(a) + log Γ(b) − log Γ(a + b) for a, b > 0, without the cancellation that the sum has when one of them
 * is large (the parts of Stirling's formula are put together before they are rounded).
 */
export function logBeta(a: number, b: number): number {
  const small = Math.min(a, b);
  const large = Math.max(a, b);
  const sum = small + large;
  if (large < LARGE) return logGamma(small) + logGamma(large) - logGamma(sum);
  const largePart = (large - 0.5) * Math.log1p(-small / sum) + stirlingError(large) - stirlingError(sum);
  if (small < LARGE) return logGamma(small) + largePart + small - small * Math.log(sum);
  return (
    largePart +
    HALF_LOG_TWO_PI +
    stirlingError(small) +
    (small - 0.5) * Math.log(small / sum) -
    0.5 * Math.log(sum)
  );
}

/**
 * log(x^a (1 − x)^b / B(a, b)) for 0 < x < 1: the common factor of everything below. Around the mean the two powers and B
 * almost cancel, so for large a and b they are taken relative to the mean: at a + b = 1e12 it is still exact to 1e-9.
 */
export function logBetaKernel(x: number, a: number, b: number): number {
  if (a < LARGE || b < LARGE) return a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b);
  const sum = a + b;
  const mean = a / sum;
  const off = x - mean;
  return (
    0.5 * Math.log(a * (b / sum)) -
    HALF_LOG_TWO_PI -
    (stirlingError(a) + stirlingError(b) - stirlingError(sum)) +
    a * Math.log1p(off / mean) +
    b * Math.log1p(-off / (1 - mean))
  );
}

/**
 * log P(X > x) for X ~ Beta(a, b), 0 < x < 1, divided by the kernel above: the quotient stays finite where tail and
 * kernel both vanish.
 */
export function logUpperTailOverKernel(x: number, a: number, b: number): number {
  if (x >= a / (a + b)) return logSmallTailOverKernel(1 - x, b, a);
  const kernel = logBetaKernel(x, a, b);
  return Math.log1p(-Math.exp(Math.min(0, kernel + logSmallTailOverKernel(x, a, b)))) - kernel;
}

/** log P(X > x) for X ~ Beta(a, b), 0 < x < 1, exact also where it is far below the smallest number. */
export function logUpperBeta(x: number, a: number, b: number): number {
  return logUpperTailOverKernel(x, a, b) + logBetaKernel(x, a, b);
}

/** The regularised incomplete beta function I_x(a, b) = P(X <= x) for X ~ Beta(a, b) (DLMF 8.17.2). */
export function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x < a / (a + b)) return Math.exp(logBetaKernel(x, a, b) + logSmallTailOverKernel(x, a, b));
  return -Math.expm1(Math.min(0, logUpperBeta(x, a, b)));
}

/** Both parameters at least this: the continued fraction would take about √(a + b) steps near the mean. */
const QUADRATURE_FROM = 2000;

/** log(P(X <= x) / kernel) for x up to the mean. */
function logSmallTailOverKernel(x: number, a: number, b: number): number {
  if (Math.min(a, b) >= QUADRATURE_FROM) return logTailByQuadrature(x, a, b);
  return Math.log(continuedFraction(x, a, b) / a);
}

const STEPS_LIMIT = 20_000;
const TINY = 1e-300;

/** The continued fraction of I_x(a, b) (DLMF 8.17.22), evaluated by Lentz's method as modified by Thompson and Barnett. */
function continuedFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m <= STEPS_LIMIT; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / awayFromZero(1 + even * d);
    c = awayFromZero(1 + even / c);
    value *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / awayFromZero(1 + odd * d);
    c = awayFromZero(1 + odd / c);
    const step = c * d;
    value *= step;
    if (Math.abs(step - 1) < 1e-15) break;
  }
  return value;
}

function awayFromZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}

/** Nodes and weights of the ten-point Gauss–Legendre rule on (−1, 1), the positive half (DLMF table 3.5.2). */
const GAUSS: readonly (readonly [node: number, weight: number])[] = [
  [0.148_874_338_981_631_22, 0.295_524_224_714_752_87],
  [0.433_395_394_129_247_2, 0.269_266_719_309_996_35],
  [0.679_409_568_299_024_4, 0.219_086_362_515_982_04],
  [0.865_063_366_688_984_5, 0.149_451_349_150_580_6],
  [0.973_906_528_517_171_7, 0.066_671_344_308_688_14],
];
const PANELS = 12;
/** What is left out lies below exp(−40) of the density at x. */
const DEPTH = 40;

/**
 * The lower tail for large a and b: the density relative to x, integrated from x down to where it has all but vanished.
 */
function logTailByQuadrature(x: number, a: number, b: number): number {
  // Of t^a (1 − t)^b / (t (1 − t)): slope and width at x say how far down the mass lies.
  const slope = Math.max(0, (a - 1) / x - (b - 1) / (1 - x));
  const width = 1 / Math.sqrt((a - 1) / (x * x) + (b - 1) / ((1 - x) * (1 - x)));
  const reach = width * (Math.sqrt((slope * width) ** 2 + 2 * DEPTH) - slope * width);
  const half = Math.min(reach, x * 0.999_999) / PANELS / 2;
  let sum = 0;
  for (let panel = 0; panel < PANELS; panel++) {
    const middle = (2 * panel + 1) * half;
    for (const [node, weight] of GAUSS) {
      sum += weight * densityBelow(x, a, b, middle - node * half);
      sum += weight * densityBelow(x, a, b, middle + node * half);
    }
  }
  return Math.log(sum * half) - Math.log(x) - Math.log1p(-x);
}

/** Density at x − down, relative to that at x. */
function densityBelow(x: number, a: number, b: number, down: number): number {
  return Math.exp((a - 1) * Math.log1p(-down / x) + (b - 1) * Math.log1p(down / (1 - x)));
}
