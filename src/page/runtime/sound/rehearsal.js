// A rehearsal: every frame is shown once, on a page of its own, to learn its sound.
//
// Page code's use of players, their volumes, and the sound of its own graphs are only known
// afterwards. A rehearsal needs a fresh page, which must not be used for rendering afterwards.
// Elements that came with the document and that page code has not played stand still meanwhile. If
// it never touches some of them, these begin with the clip or composition around them when frames
// are rendered, and so they have to in a second rehearsal.

import { config, native } from "../natives.js";
import { clock } from "../time/clock.js";
import {
  isPlaying,
  loudnessOf,
  mediaElements,
  mediaInfo,
  mediaName,
  mediaStateOf,
  runOf,
  undecidedMedia,
  witness,
} from "../media/media.js";
import { listedElements, mediaEntry } from "../media/media_list.js";
import { runsOf } from "../media/track_files.js";
import { takeNewWarnings } from "../warnings.js";
import { graphSounds, isInGraph } from "./web_audio.js";

/** @typedef {{index: number|null, governed: boolean, runs: object[], points: [number, number][]}} Record
 *  `index` is the element's place in the list of media, `runs` what it has played, `points` how loud it was when. */

/** @type {Map<HTMLMediaElement, Record>} */
const soundRecords = new native.Map();
let hasList = false;

function recordOf(element) {
  let record = soundRecords.get(element);
  if (!record)
    soundRecords.set(element, (record = { index: null, governed: false, runs: [], points: [] }));
  return record;
}

// Only the ends of a level stretch are kept.
function addPoint(record, at, volume) {
  const { points } = record;
  const last = points.length - 1;
  if (last > 0 && points[last][1] === volume && points[last - 1][1] === volume)
    points[last][0] = at;
  else points.push([at, volume]);
}

if (config.rehearses) {
  witness.ran = (element, run, end) => recordOf(element).runs.push({ ...run, end });
  witness.governed = (element) => (recordOf(element).governed = true);
  // A timer's change takes effect at its time; changes by frame callbacks become a line from frame
  // to frame.
  witness.loudness = (element, before, isSudden) => {
    if (!isSudden) return;
    const record = recordOf(element);
    addPoint(record, clock.now / 1000, before);
    addPoint(record, clock.now / 1000, loudnessOf(element));
  };
}

function noteList() {
  hasList = true;
  listedElements().forEach((element, index) => (recordOf(element).index = index));
}

function noteFrame() {
  for (const element of mediaElements())
    addPoint(recordOf(element), clock.now / 1000, loudnessOf(element));
}

/** Shows `count` frames from `first` on and records their sound. */
export async function rehearse(show, first, count) {
  if (!hasList) noteList();
  for (let index = first; index < first + count; index++) {
    await show(index);
    noteFrame();
  }
}

// A loop that was entered in its middle restarts elsewhere: the engine supports only loops that do
// not.
function* partsOf(element, run) {
  const length = mediaInfo(element)?.duration ?? Infinity;
  const joint = run.origin + (length - run.from) / run.rate;
  if (!run.loops || run.again === run.from || run.end <= joint) {
    yield { ...run, loops: run.loops && run.again === run.from };
    return;
  }
  yield { ...run, end: joint, loops: false };
  yield { ...run, origin: joint, start: joint, from: run.again };
}

function runsIn(element, record) {
  const runs = [...record.runs];
  const last = runOf(element);
  if (last && isPlaying(element, Math.max(last.start, 0))) runs.push(last);
  return runs.filter(({ start, end }) => start < end);
}

function entriesOf(element, record) {
  return runsIn(element, record)
    .flatMap((run) => [...partsOf(element, run)])
    .map((run) => mediaEntry(element, run, run.loops));
}

function isLevel(points) {
  return points.every(([, volume]) => volume === points[0][1]);
}

/** Whether some elements stood still that will not. */
function isIncomplete(governed) {
  return config.governed === null && undecidedMedia().some((name) => !governed.includes(name));
}

/** The results, once the last frame has been shown. */
export async function rehearsed() {
  const governed = [...soundRecords]
    .filter(([, record]) => record.governed)
    .map(([element]) => mediaName(element));
  if (isIncomplete(governed)) return { governed, incomplete: true };
  const found = {
    governed,
    silenced: [],
    volumes: [],
    added: [],
    played: [],
    graphs: await graphSounds(),
    warnings: takeNewWarnings(),
  };
  for (const [element, record] of soundRecords) {
    const { index, runs, points } = record;
    const volume = isLevel(points) ? null : points;
    const state = mediaStateOf(element);
    const isInList = index !== null && runs.length === 0 && state?.base == null;
    if (!isInList && index !== null && element.querySelector("track"))
      found.played.push([index, runsOf(element, runsIn(element, record))]);
    if (isInGraph(element)) {
      if (index !== null) found.silenced.push(index);
    } else if (isInList) {
      if (volume) found.volumes.push([index, volume]);
    } else {
      if (index !== null) found.silenced.push(index);
      for (const entry of entriesOf(element, record)) found.added.push({ media: entry, volume });
    }
  }
  return found;
}
