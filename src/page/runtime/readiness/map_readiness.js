// Maps and loaders that a page lists for the renderer: the first frame waits until they are there.
//
// They cannot be seeked, and their later pictures depend on the virtual clock alone. They wait by
// timers and frame callbacks, which readiness.js lets run as long as one of them is pending. D3's
// transitions (`__hfD3`) are no such case: they are part of the composition and run in it.

import { guarded } from "../natives.js";
import { warnOnce } from "../warnings.js";

/** @type {WeakMap<object, {done: boolean}>} what has been told to us by an event or a promise */
const heardFrom = new WeakMap();

/** Calls `listen` once with a callback; returns true once that was called. */
function hasCome(thing, listen) {
  let state = heardFrom.get(thing);
  if (!state) {
    heardFrom.set(thing, (state = { done: false }));
    guarded(() => listen(() => (state.done = true)));
  }
  return state.done;
}

function leafletLayers(map) {
  const layers = [];
  map.eachLayer?.((layer) => layers.push(layer));
  return layers;
}

function isLeafletReady(map) {
  return (
    hasCome(map, (done) => map.whenReady(done)) &&
    !leafletLayers(map).some((layer) => layer.isLoading?.())
  );
}

function isGlMapReady(map) {
  const told = hasCome(map, (done) => (map.once ?? map.on).call(map, "load", done));
  return told || (typeof map.loaded === "function" && map.loaded() === true);
}

function isGoogleMapReady(map) {
  return hasCome(map, (done) => {
    const events = window.google?.maps?.event;
    if (events?.addListenerOnce) events.addListenerOnce(map, "tilesloaded", done);
    else map.addListener("tilesloaded", done);
  });
}

const KINDS = [
  {
    list: "__hfLeaflet",
    isMap: (value) => typeof value.whenReady === "function",
    isReady: isLeafletReady,
  },
  { list: "__hfMapbox", isMap: (value) => typeof value.on === "function", isReady: isGlMapReady },
  { list: "__hfMaplibre", isMap: (value) => typeof value.on === "function", isReady: isGlMapReady },
  {
    list: "__hfGoogleMaps",
    isMap: (value) =>
      typeof value.addListener === "function" || Boolean(window.google?.maps?.event),
    isReady: isGoogleMapReady,
  },
];

function mapsOf({ list, isMap }) {
  const entries = [window[list] ?? []]
    .flat()
    .filter((entry) => entry !== null && typeof entry === "object" && !(entry instanceof Element));
  return entries
    .map((entry) => (isMap(entry) ? entry : entry.map))
    .filter((entry) => entry && typeof entry === "object" && isMap(entry));
}

let threeLoader = null;
let threeLoading = 0;

/**
 * Counts along with Three's manager, which keeps its counts private and whose callbacks belong to
 * the page.
 */
export function followLoader() {
  const manager = window.THREE?.DefaultLoadingManager;
  if (!manager?.itemStart || manager === threeLoader) return;
  threeLoader = manager;
  threeLoading = 0;
  const { itemStart, itemEnd } = manager;
  manager.itemStart = function (address) {
    threeLoading += 1;
    return Reflect.apply(itemStart, this, [address]);
  };
  manager.itemEnd = function (address) {
    threeLoading = Math.max(0, threeLoading - 1);
    return Reflect.apply(itemEnd, this, [address]);
  };
}

/** @returns {{code: string, message: string, needsTime: boolean}[]} `needsTime`: it goes on by timers or frame callbacks */
export function pendingMaps() {
  followLoader();
  const pending = [];
  for (const kind of KINDS) {
    mapsOf(kind).forEach((map, at) => {
      if (!guarded(() => kind.isReady(map)))
        pending.push({ code: "map_pending", message: `map ${kind.list}[${at}]`, needsTime: true });
    });
  }
  if (threeLoading > 0)
    pending.push({
      code: "request_pending",
      message: `THREE.DefaultLoadingManager (${threeLoading} to load)`,
      needsTime: false,
    });
  return pending;
}

// Leaflet fades tiles in by the clock, which has not moved yet.
function showTiles(layer) {
  for (const tile of Object.values(layer._tiles ?? {})) {
    if (tile.loaded !== undefined) tile.loaded = -Infinity;
  }
  layer._updateOpacity?.();
}

const MAP_ELEMENTS = ".leaflet-container, .maplibregl-map, .mapboxgl-map, .gm-style, .ol-viewport";

/** Completes the maps for the first frame, and warns of those that depend on other hosts. */
export function settleMaps() {
  for (const map of mapsOf(KINDS[0])) guarded(() => leafletLayers(map).forEach(showTiles));
  const element = document.querySelector(MAP_ELEMENTS);
  if (!element) return;
  const addresses = performance.getEntriesByType("resource").map(({ name }) => name);
  const foreign = addresses.find(
    (address) => /^https?:/.test(address) && new URL(address).origin !== location.origin,
  );
  if (foreign)
    warnOnce(
      "live_map_detected",
      `a map (${element.className.split(" ")[0]}) loads from ${new URL(foreign).host}: its pictures may differ from render to render`,
    );
}
