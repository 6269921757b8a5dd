// Zones as the editor holds them, and the GeoJSON text that is stored. Pure: knows no page.
//
// A picture is {units, frame, zones}; a zone is {id, properties, shape, rings}, its rings open lists of [x, y].
// Nothing is changed in place: every edit returns a new picture. The server decides what is valid.

export const NORMALISED = "normalised";
export const LEAST = { Polygon: 3, LineString: 2 };
export const EMPTY = { units: NORMALISED, frame: null, zones: [] };

// By as much editors round past the border, as in the server's rules.
const OVERSHOOT = 0.01;

const PAIR_ON_LINES = /\[\s*\n\s*(-?[\d.eE+-]+),\s*\n\s*(-?[\d.eE+-]+)\s*\n\s*\]/g;

// The picture that a text describes, or null for what can only be typed: no JSON, or other shapes.
export function read(text) {
  if (!text.trim()) return EMPTY;
  try {
    return pictureOf(JSON.parse(text));
  } catch {
    return null;
  }
}

export function pictureOf(value) {
  if (!isObject(value)) return null;
  if (Object.keys(value).length === 0) return EMPTY;
  if (value.type !== "FeatureCollection" || !Array.isArray(value.features)) return null;
  const zones = value.features.map(zoneOf);
  if (zones.includes(null)) return null;
  const frame = isObject(value.frame) && value.frame.width > 0 && value.frame.height > 0 ? value.frame : null;
  const beyond = zones.some((zone) => zone.rings.flat(2).some((number) => number > 1 + OVERSHOOT));
  if (!value.units && beyond && !frame) return null;
  const units = value.units === "pixels" || (!value.units && beyond) ? "pixels" : NORMALISED;
  return { units, frame, zones };
}

function zoneOf(feature) {
  const geometry = isObject(feature) && feature.type === "Feature" ? feature.geometry : null;
  if (!isObject(geometry) || !Object.hasOwn(LEAST, geometry.type)) return null;
  const closed = geometry.type === "Polygon";
  const lines = closed ? geometry.coordinates : [geometry.coordinates];
  if (!Array.isArray(lines) || !lines.length || !lines.every(isLine)) return null;
  const properties = isObject(feature.properties) ? feature.properties : {};
  return {
    id: typeof feature.id === "string" ? feature.id : "",
    properties,
    shape: geometry.type,
    rings: lines.map((line) => (closed ? opened(line) : line)),
  };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isLine(line) {
  return (
    Array.isArray(line) &&
    line.length > 0 &&
    line.every((point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite))
  );
}

function opened(ring) {
  const [first, last] = [ring[0], ring.at(-1)];
  return ring.length > 1 && first[0] === last[0] && first[1] === last[1] ? ring.slice(0, -1) : ring;
}

// The text of a picture, laid out as the form shows it.
export function write(picture) {
  const features = picture.zones.map((zone) => ({
    type: "Feature",
    ...(zone.id && { id: zone.id }),
    properties: zone.properties,
    geometry: {
      type: zone.shape,
      coordinates: zone.shape === "Polygon" ? zone.rings.map((ring) => [...ring, ring[0]]) : zone.rings[0],
    },
  }));
  const framed = picture.frame ? { frame: picture.frame } : {};
  const value = { type: "FeatureCollection", units: picture.units, ...framed, features };
  return JSON.stringify(value, null, 2).replace(PAIR_ON_LINES, "[$1, $2]");
}

export function nameOf(zone, index) {
  const { name } = zone.properties;
  return (typeof name === "string" && name.trim()) || zone.id || `${index + 1}`;
}

export function kindOf(zone) {
  return zone.shape === "LineString" ? "line" : zone.properties.kind === "exclusion" ? "exclusion" : "area";
}

export function withZone(picture, zone) {
  return { ...picture, zones: [...picture.zones, zone] };
}

export function withoutZone(picture, index) {
  return { ...picture, zones: picture.zones.toSpliced(index, 1) };
}

// A property that is undefined is left out.
export function withProperty(picture, index, name, value) {
  return changed(picture, index, (zone) => ({ ...zone, properties: { ...zone.properties, [name]: value } }));
}

export function withPoint(picture, { zone, ring, point }, place) {
  return onRing(picture, zone, ring, (line) => line.with(point, place));
}

export function withPointAfter(picture, { zone, ring, point }, place) {
  return onRing(picture, zone, ring, (line) => line.toSpliced(point + 1, 0, place));
}

// Without a point; without the hole that would be left with too few; null for a shape that would be.
export function withoutPoint(picture, { zone, ring, point }) {
  const { shape, rings } = picture.zones[zone];
  if (rings[ring].length > LEAST[shape]) return onRing(picture, zone, ring, (line) => line.toSpliced(point, 1));
  return ring > 0 ? changed(picture, zone, (old) => ({ ...old, rings: old.rings.toSpliced(ring, 1) })) : null;
}

export function withRings(picture, index, rings) {
  return changed(picture, index, (zone) => ({ ...zone, rings }));
}

// The zones of another picture put behind these, in the units of these; ids are kept where they are free.
// A picture that says nothing else, neither zones nor a frame nor other units, becomes the other.
export function withZonesOf(picture, other, extent, extentOfOther) {
  const sameUnits = picture.units === NORMALISED || picture.units === other.units;
  if (!picture.zones.length && !picture.frame && sameUnits) return other;
  const taken = new Set(picture.zones.map((zone) => zone.id.toLowerCase()));
  const scale = [extent.width / extentOfOther.width, extent.height / extentOfOther.height];
  const scaled = (place) => place.map((number, axis) => rounded(number * scale[axis], picture.units));
  const zones = other.zones.map((zone) => ({
    ...zone,
    id: taken.has(zone.id.toLowerCase()) ? "" : zone.id,
    rings: scale.every((factor) => factor === 1) ? zone.rings : zone.rings.map((ring) => ring.map(scaled)),
  }));
  return { ...picture, zones: [...picture.zones, ...zones] };
}

// Pixels are whole; a ten-thousandth of the picture is finer than a pixel of most cameras.
export function rounded(number, units) {
  return units === NORMALISED ? Math.round(number * 1e4) / 1e4 : Math.round(number);
}

function onRing(picture, index, ring, edit) {
  return changed(picture, index, (zone) => ({ ...zone, rings: zone.rings.with(ring, edit(zone.rings[ring])) }));
}

function changed(picture, index, edit) {
  return { ...picture, zones: picture.zones.with(index, edit(picture.zones[index])) };
}
