// `data-color-grading`: its values, as numbers.
//
// The names, ranges, defaults and presets are HyperFrames'. A value that is not understood is a
// warning and counts as its default, one out of range is clamped, and text that is not JSON at all
// is no grade. `$id` and `${id}` are replaced by variables of the composition, as the whole or as
// any value in it.

import { ADJUST, AMOUNTS, DETAILS, EFFECTS, PRESETS, WHEEL } from "./color_names.js";
import { instanceAround } from "../compositions/instances.js";
import { variablesOf } from "../compositions/variables.js";
import { describeElement, warnOnce } from "../warnings.js";

export const GRADE_ATTRIBUTE = "data-color-grading";

export const ZONES = ["shadows", "midtones", "highlights"];
export const CHANNEL_CURVES = ["master", "red", "green", "blue"];
const MOST_SECONDARIES = 4;

const SECTIONS = [
  "enabled",
  "preset",
  "intensity",
  "adjust",
  "wheels",
  "curves",
  "hueCurves",
  "secondaries",
  "details",
  "effects",
  "palette",
  "lut",
  "colorSpace",
  "version",
];

/**
 * Custom properties of an element's inline style that take precedence over its attribute: the
 * places of their numbers.
 */
const OVERRIDES = {
  intensity: [0, 1, (grade, value) => (grade.intensity = value)],
  "lut-intensity": [
    0,
    1,
    (grade, value) => grade.lut && (grade.lut = { ...grade.lut, intensity: value }),
  ],
  exposure: [-2, 2, (grade, value) => (grade.adjust.exposure = value)],
  ...Object.fromEntries(
    ["blur", "bloom", "kuwahara", "pixelate", "ascii", "dither"].map((name) => [
      name,
      [...EFFECTS[name].slice(0, 2), (grade, value) => (grade.effects[name] = value)],
    ]),
  ),
};
const OVERRIDE_PREFIX = "--hf-color-grading-";

const VARIABLE_REFERENCE = /^\$(?:\{([\w.:-]+)\}|([\w.:-]+))$/;

/** @typedef {{center: number, range: number, softness: number}} HueKey */
/** @typedef {{min: number, max: number, softness: number}} RangeKey */
/** @typedef {{hue: HueKey, saturation: RangeKey, luma: RangeKey, correction: Record<string, number>}} Secondary */
/** @typedef {{intensity: number, adjust: Record<string, number>, wheels: Record<string, {hue: number, amount: number, level: number}>, curves: Record<string, number[][]|null>, hueCurves: Record<string, number[][]|null>, secondaries: Secondary[], details: Record<string, number>, effects: Record<string, number>, palette: number[][]|null, lut: {src: string, intensity: number}|null}} Grade */

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const clampTo = (value, least, most) => Math.min(Math.max(value, least), most);
const quote = (value) => (JSON.stringify(value) ?? "nothing").slice(0, 60);

/** Reads the parts of one attribute; `tell` receives their faults. */
class GradeReader {
  constructor(tell) {
    this.tell = tell;
  }

  record(value, path) {
    if (isRecord(value)) return value;
    if (value !== undefined && value !== null)
      this.tell(`${path} is ${quote(value)}, expected an object`);
    return {};
  }

  number(value, [least, most, preset], path) {
    if (value === undefined || value === null) return preset;
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number !== "number" || !Number.isFinite(number)) {
      this.tell(`${path} is ${quote(value)}, expected a number from ${least} to ${most}`);
      return preset;
    }
    if (number < least || number > most)
      this.tell(`${path} is ${number}, expected ${least} to ${most}`);
    return clampTo(number, least, most);
  }

  known(given, names, path) {
    for (const name of Object.keys(given)) {
      if (!names.includes(name))
        this.tell(`${path}${name} is not known, expected one of ${names.join(", ")}`);
    }
  }

  /** @returns {any} a number for each name of `table` */
  numbers(value, table, path) {
    const given = this.record(value, path);
    this.known(given, Object.keys(table), `${path}.`);
    return Object.fromEntries(
      Object.entries(table).map(([name, range]) => [
        name,
        this.number(given[name], range, `${path}.${name}`),
      ]),
    );
  }

  /** Points sorted by their first number; null if there are none or they are wrong. */
  points(value, [fewest, most], [inRange, outRange], path) {
    if (value === undefined || value === null) return null;
    const isPoint = (point) =>
      Array.isArray(point) &&
      point.length === 2 &&
      point.every((n) => typeof n === "number" && Number.isFinite(n));
    const inputs = new Set(Array.isArray(value) ? value.map((point) => point?.[0]) : []);
    if (
      !Array.isArray(value) ||
      value.length < fewest ||
      value.length > most ||
      !value.every(isPoint) ||
      inputs.size !== value.length
    ) {
      this.tell(
        `${path} is ${quote(value)}, expected ${fewest} to ${most} points [in, out] with different inputs`,
      );
      return null;
    }
    const points = value.map(([x, y]) => [clampTo(x, ...inRange), clampTo(y, ...outRange)]);
    return points.sort((a, b) => a[0] - b[0]);
  }

  curve(value, path) {
    const points = this.points(
      value,
      [2, 16],
      [
        [0, 1],
        [0, 1],
      ],
      path,
    );
    if (!points) return null;
    if (points[0][0] > 0) points.unshift([0, 0]);
    if (points.at(-1)[0] < 1) points.push([1, 1]);
    if (points.length <= 16) return points;
    this.tell(`${path} has more than 16 points with its ends`);
    return null;
  }

  secondary(value, path) {
    const given = this.record(value, path);
    this.known(given, ["enabled", "key", "correction"], `${path}.`);
    if (given.enabled === false) return null;
    const key = this.record(given.key, `${path}.key`);
    this.known(key, ["hue", "saturation", "luma"], `${path}.key.`);
    const hue = this.numbers(
      key.hue,
      { center: [0, 360, 0], range: [0, 180, 180], softness: [0, 180, 0] },
      `${path}.key.hue`,
    );
    hue.softness = Math.min(hue.softness, 180 - hue.range);
    const range = { min: [0, 1, 0], max: [0, 1, 1], softness: [0, 0.5, 0.05] };
    const signed = [-1, 1, 0];
    return {
      hue,
      saturation: this.numbers(key.saturation, range, `${path}.key.saturation`),
      luma: this.numbers(key.luma, range, `${path}.key.luma`),
      correction: this.numbers(
        given.correction,
        {
          hueShift: [-180, 180, 0],
          saturation: signed,
          luma: signed,
          temperature: signed,
          tint: signed,
        },
        `${path}.correction`,
      ),
    };
  }

  secondaries(value) {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) {
      this.tell(`secondaries is ${quote(value)}, expected a list`);
      return [];
    }
    if (value.length > MOST_SECONDARIES)
      this.tell(`secondaries has ${value.length} entries; the first ${MOST_SECONDARIES} count`);
    return value
      .slice(0, MOST_SECONDARIES)
      .map((each, i) => this.secondary(each, `secondaries[${i}]`))
      .filter(Boolean);
  }

  palette(value) {
    if (value === undefined || value === null) return null;
    if (
      !Array.isArray(value) ||
      value.length < 2 ||
      value.length > 6 ||
      !value.every((color) => /^#[0-9a-f]{6}$/i.test(color))
    ) {
      this.tell(`palette is ${quote(value)}, expected 2 to 6 colors #rrggbb`);
      return null;
    }
    return value.map((color) =>
      [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255),
    );
  }

  lut(value) {
    if (value === undefined || value === null || value === "") return null;
    const given = typeof value === "string" ? { src: value } : this.record(value, "lut");
    this.known(given, ["src", "intensity"], "lut.");
    if (typeof given.src !== "string" || given.src.trim() === "") {
      this.tell(`lut.src is ${quote(given.src)}, expected the address of a .cube file`);
      return null;
    }
    return {
      src: given.src.trim(),
      intensity: this.number(given.intensity, [0, 1, 1], "lut.intensity"),
    };
  }

  /** @returns {Grade|null} */
  grade(given) {
    this.known(given, SECTIONS, "");
    if (given.enabled === false) return null;
    if (given.colorSpace !== undefined && given.colorSpace !== "rec709")
      this.tell(`colorSpace is ${quote(given.colorSpace)}; rec709 is used`);
    const preset = this.preset(given.preset);
    const merged = (name) => ({ ...preset[name], ...this.record(given[name], name) });
    const wheels = this.record(given.wheels, "wheels");
    this.known(wheels, ZONES, "wheels.");
    const curves = this.record(given.curves, "curves");
    this.known(curves, CHANNEL_CURVES, "curves.");
    const hueCurves = this.record(given.hueCurves, "hueCurves");
    this.known(hueCurves, ["hueVsHue", "hueVsSaturation", "hueVsLuma"], "hueCurves.");
    const hueCurve = (name, most) =>
      this.points(
        hueCurves[name],
        [3, 16],
        [
          [0, 360],
          [-most, most],
        ],
        `hueCurves.${name}`,
      );
    return {
      intensity: this.number(given.intensity, [0, 1, preset.intensity ?? 1], "intensity"),
      adjust: this.numbers(merged("adjust"), ADJUST, "adjust"),
      wheels: Object.fromEntries(
        ZONES.map((zone) => [zone, this.numbers(wheels[zone], WHEEL, `wheels.${zone}`)]),
      ),
      curves: Object.fromEntries(
        CHANNEL_CURVES.map((name) => [name, this.curve(curves[name], `curves.${name}`)]),
      ),
      hueCurves: {
        hueVsHue: hueCurve("hueVsHue", 180),
        hueVsSaturation: hueCurve("hueVsSaturation", 1),
        hueVsLuma: hueCurve("hueVsLuma", 1),
      },
      secondaries: this.secondaries(given.secondaries),
      details: this.numbers(merged("details"), DETAILS, "details"),
      effects: this.numbers(merged("effects"), EFFECTS, "effects"),
      palette: this.palette(given.palette),
      lut: this.lut(given.lut),
    };
  }

  preset(name) {
    if (name === undefined || name === null) return {};
    if (typeof name === "string" && Object.hasOwn(PRESETS, name)) return PRESETS[name];
    this.tell(`preset is ${quote(name)}, expected one of ${Object.keys(PRESETS).join(", ")}`);
    return {};
  }
}

/** A value with variables in place of references. */
function resolveReferences(value, variables, tell) {
  if (typeof value === "string") {
    const found = value.trim().match(VARIABLE_REFERENCE);
    if (!found) return value;
    const id = found[1] ?? found[2];
    if (Object.hasOwn(variables, id)) return variables[id];
    tell(`it refers to the variable "${id}", which has no value`);
    return undefined;
  }
  if (Array.isArray(value)) return value.map((each) => resolveReferences(each, variables, tell));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, resolveReferences(each, variables, tell)]),
  );
}

/** Parses objects in text; names of presets and references are left as they are. */
function parseText(text) {
  return /^[{["]/.test(text) ? JSON.parse(text) : text;
}

/** @returns {Grade|null} */
function readGrade(element, text) {
  const tell = (what) =>
    warnOnce("color_grading_invalid", `${GRADE_ATTRIBUTE} of ${describeElement(element)}: ${what}`);
  try {
    let value = parseText(text);
    const isReference = typeof value === "string" && VARIABLE_REFERENCE.test(value);
    value = resolveReferences(value, variablesOf(instanceAround(element)), tell);
    if (isReference && typeof value === "string") value = parseText(value.trim());
    if (value === undefined || value === null || value === "") return null;
    const reader = new GradeReader(tell);
    if (typeof value === "string")
      return Object.hasOwn(PRESETS, value)
        ? reader.grade({ preset: value })
        : (reader.preset(value), null);
    if (isRecord(value)) return reader.grade(value);
    tell(`it is ${quote(value)}, expected an object`);
  } catch (error) {
    tell(`it is not JSON (${error.message})`);
  }
  return null;
}

/** @type {WeakMap<Element, {text: string, grade: Grade|null}>} */
const readGrades = new WeakMap();

/** The grade in an element's attribute; null for none. @returns {Grade|null} */
export function declaredGrade(element) {
  const text = element.getAttribute(GRADE_ATTRIBUTE)?.trim();
  if (!text) return null;
  let known = readGrades.get(element);
  if (known?.text !== text)
    readGrades.set(element, (known = { text, grade: readGrade(element, text) }));
  return known.grade;
}

/** The element's own custom properties that change its grade, as text. */
function overridesOf(element) {
  const found = [];
  for (const name of Object.keys(OVERRIDES)) {
    const text = element.style.getPropertyValue(OVERRIDE_PREFIX + name).trim();
    if (text !== "") found.push([name, text]);
  }
  return found;
}

const isSet = (numbers, names = Object.keys(numbers)) => names.some((name) => numbers[name] !== 0);

function changesPicture({
  intensity,
  adjust,
  wheels,
  curves,
  hueCurves,
  secondaries,
  details,
  effects,
  lut,
}) {
  const grades =
    isSet(adjust) ||
    Object.values(wheels).some(({ amount, level }) => amount !== 0 || level !== 0) ||
    Object.values(curves).some(Boolean) ||
    Object.values(hueCurves).some(Boolean) ||
    secondaries.length > 0 ||
    (lut !== null && lut.intensity > 0);
  return (
    (intensity > 0 && grades) || isSet(details, ["vignette", "grain"]) || isSet(effects, AMOUNTS)
  );
}

/** @type {WeakMap<Element, {declared: Grade, text: string, grade: Grade|null}>} */
const currentGrades = new WeakMap();

/**
 * An element's grade with its present custom properties; null if its picture is not changed.
 * @returns {Grade|null}
 */
export function gradeOf(element) {
  const declared = declaredGrade(element);
  if (!declared) return null;
  const overrides = overridesOf(element);
  const text = overrides.join(";");
  const known = currentGrades.get(element);
  if (known?.declared === declared && known.text === text) return known.grade;
  const grade = { ...declared, adjust: { ...declared.adjust }, effects: { ...declared.effects } };
  for (const [name, value] of overrides) {
    const [least, most, put] = OVERRIDES[name];
    if (Number.isFinite(Number(value))) put(grade, clampTo(Number(value), least, most));
    else
      warnOnce(
        "color_grading_invalid",
        `${OVERRIDE_PREFIX}${name} of ${describeElement(element)} is ${quote(value)}, expected a number from ${least} to ${most}`,
      );
  }
  const current = { declared, text, grade: changesPicture(grade) ? grade : null };
  currentGrades.set(element, current);
  return current.grade;
}

/** Whether an element's picture is graded, which is drawn in the page. */
export const isGraded = (element) =>
  element.hasAttribute(GRADE_ATTRIBUTE) && gradeOf(element) !== null;
