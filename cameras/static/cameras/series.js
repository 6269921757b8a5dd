// The arithmetic of a chart: its range, its buckets, and the points in them. Pure: knows no page.
//
// Moments are in seconds since 1970; a range is from the first moment until just before the second.

export const BUCKETS = [
  ["1m", 60],
  ["5m", 300],
  ["15m", 900],
  ["1h", 3600],
  ["1d", 86400],
];
const MOST_POINTS = 720;
const LEAST_SPAN = 600;
const MOST_SPAN = 366 * 86400;
const MOVES = { earlier: [-0.5, -0.5], later: [0.5, 0.5], in: [0.25, -0.25], out: [-0.5, 0.5] };

// Of a camera a mean; of a site the means of its cameras added up.
export const meanOf = (point) => point.weighted_avg ?? point.avg ?? point.occupancy;

// The name and the length of the finest bucket of which a range has no more than can be drawn.
export const bucketFor = ([from, to]) =>
  BUCKETS.find(([, seconds]) => (to - from) / seconds <= MOST_POINTS) ?? BUCKETS.at(-1);

// A range to whole buckets, of which one begins at the origin.
export const widened = ([from, to], seconds, origin = 0) => [
  Math.floor((from - origin) / seconds) * seconds + origin,
  Math.ceil((to - origin) / seconds) * seconds + origin,
];

export const moved = ([from, to], how) => MOVES[how].map((part, end) => [from, to][end] + part * (to - from));

// A range that can be shown: neither too short nor too long, in whole seconds, and not beyond now.
export function shown([from, to], now) {
  const span = Math.min(Math.max(to - from, LEAST_SPAN), MOST_SPAN);
  const end = Math.min(Math.round((from + to) / 2 + span / 2), now);
  return [Math.round(end - span), end];
}

// Every interval that a range touches, in order; its point is null where nothing is known. Hours and days are those of
// the time zone.
export function complete(points, range, seconds, timeZone) {
  const known = new Map(points.map((point) => [Date.parse(point.start) / 1000, point]));
  const origin = seconds === 3600 ? pastTheHour(range[0], timeZone) : 0;
  const missing =
    seconds < 86400
      ? startsOf(widened(range, seconds, origin), seconds)
      : daysWithout(known.keys(), range, timeZone);
  const starts = new Set([...known.keys(), ...missing]);
  return [...starts].toSorted((one, other) => one - other).map((at) => ({ at, point: known.get(at) ?? null }));
}

function startsOf([from, to], seconds) {
  return Array.from({ length: Math.ceil((to - from) / seconds) }, (_, number) => from + number * seconds);
}

// When the other days of the range begin: they are 23 to 25 hours long, so half a day misses none.
function daysWithout(starts, [from, to], timeZone) {
  const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeZone });
  const had = new Set(Array.from(starts, (at) => date.format(at * 1000)));
  const days = [];
  for (const at of [...startsOf([from, to], 43200), to - 1]) {
    const day = date.format(at * 1000);
    if (!had.has(day)) days.push(midnightBefore(at, timeZone));
    had.add(day);
  }
  return days;
}

// How many seconds after a full hour of UTC the clock of the time zone shows one: 1800 in India.
const pastTheHour = (at, timeZone) => (at - clockOf(timeZone)(at)) % 3600;

// What the clock of a time zone shows at a moment, in seconds since midnight.
function clockOf(timeZone) {
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", hourCycle: "h23", timeZone });
  return (moment) => {
    const [hours, minutes, seconds] = clock
      .format(moment * 1000)
      .split(":")
      .map(Number);
    return hours * 3600 + minutes * 60 + seconds;
  };
}

// When the day of a moment began in the time zone.
export function midnightBefore(at, timeZone) {
  const sinceMidnight = clockOf(timeZone);
  const near = at - sinceMidnight(at); // an hour beside it where the clock was changed since
  const off = sinceMidnight(near);
  return off < 43200 ? near - off : near + 86400 - off;
}

// When the clock of the time zone shows the same so many days later (or earlier, where they are negative).
export function daysLater(at, days, timeZone) {
  const there = at + days * 86400;
  return there + offsetOf(at, timeZone) - offsetOf(there, timeZone);
}

// By how many seconds the clock of the time zone is ahead of UTC.
function offsetOf(at, timeZone) {
  const format = new Intl.DateTimeFormat("en-GB", {
    dateStyle: "short",
    timeStyle: "medium",
    hourCycle: "h23",
    timeZone,
  });
  const [day, month, year, hour, minute, second] = format
    .format(at * 1000)
    .match(/\d+/g)
    .map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - Math.floor(at);
}

// The mean, the least and the most of what is known, and of how many intervals nothing is.
export function summaryOf(intervals) {
  const known = intervals.flatMap(({ point }) => point ?? []);
  // A mean counts for as long as it is known; a bucket in which a value was only held has no sample of its own.
  const weight = (point) => point.known_seconds || point.count;
  const sum = (read) => known.reduce((total, point) => total + read(point), 0);
  const every = (name) => known.map((point) => point[name] ?? point.occupancy).filter((number) => number != null);
  return {
    mean: sum((point) => (meanOf(point) ?? 0) * weight(point)) / sum(weight),
    least: Math.min(...every("min")),
    most: Math.max(...every("max")),
    gaps: intervals.length - known.length,
    intervals: intervals.length,
  };
}
