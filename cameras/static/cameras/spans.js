// The arithmetic of the ribbon: which part of a range each status takes. Pure: knows no page.
//
// Moments are in seconds since 1970; a span lasts where its end is null.

// Those that touch the range, each with where it begins in it and its share of it, both from 0 to 1.
export const shownSpans = (spans, [from, to]) =>
  spans
    .map((span) => ({
      span: { ...span },
      first: Math.max(span.start, from),
      last: Math.min(span.end ?? to, to),
    }))
    .filter(({ first, last }) => first < last)
    .map(({ first, last, span }) =>
      Object.assign(span, { from: (first - from) / (to - from), share: (last - first) / (to - from) }),
    );

// The share of each status among what is known, the greatest first.
export function shares(spans) {
  const known = spans.reduce((total, { share }) => total + share, 0);
  const found = new Map();
  for (const { label, share } of spans) found.set(label, (found.get(label) ?? 0) + share / known);
  return [...found].map(([label, share]) => ({ label, share })).toSorted((one, other) => other.share - one.share);
}
