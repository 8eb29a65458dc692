// The view of scripts of a mounted file: a document that ends at their instance.
//
// Such a script is wrapped in a function whose parameters replace the globals that differ:
// `document` and `window`, `gsap` with its selectors, `__hyperframes` with the instance's
// variables. Everything else is the page's own.

import { defineHidden, nativeMethod } from "../natives.js";
import { allInstances, rewriteSelector } from "./instances.js";
import { timelineRegistry } from "../animation/timelines.js";
import { variablesOf } from "./variables.js";
import { claimPlayers } from "../players/players.js";

const queryElement = nativeMethod(Element.prototype, "querySelectorAll");
const matchesElement = nativeMethod(Element.prototype, "matches");

/** The source of a scoped script; lines keep their numbers. */
export function scopedSource(text, instance) {
  return `__pagereel.runScoped(${instance.number}, function (document, window, gsap, __hyperframes, self, globalThis) {{ ${text}\n}});\n//# sourceURL=${instance.url}`;
}

/** Calls a wrapped script with the globals of its instance. */
export function runScoped(number, script) {
  const instance = allInstances().find((each) => each.number === number);
  const scope = (instance.scope ??= makeScope(instance));
  scope.gsap = window.gsap ? scopedGsap(instance) : undefined;
  claimPlayers(null);
  Reflect.apply(script, scope.window, [
    scope.document,
    scope.window,
    scope.gsap,
    scope.hyperframes,
    scope.window,
    scope.window,
  ]);
  claimPlayers(instance.root);
}

function makeScope(instance) {
  const scope = { hyperframes: scopedHyperframes(instance) };
  scope.document = scopedDocument(instance);
  scope.window = scopedWindow(instance, scope);
  return scope;
}

/** Elements of the instance, its host and root included, in document order. */
function queryAllScoped(instance, selector) {
  const text = rewriteSelector(String(selector), instance);
  const { host, root } = instance;
  const inside = queryElement(host, text);
  if (!matchesElement(host, text)) return inside;
  return [host, ...inside.values()].filter(
    (element) => element === host || root === host || element === root || host.contains(element),
  );
}

function byId(instance, id) {
  if (instance.rootId === String(id)) return instance.root;
  if (instance.host.id === String(id)) return instance.host;
  return queryElement(instance.host, `#${CSS.escape(id)}`)[0] ?? null;
}

// A function of the browser does not work on a proxy, and a class must keep its identity.
function boundMember(owner, value, cache) {
  if (typeof value !== "function" || Object.hasOwn(value, "prototype")) return value;
  if (!cache.has(value)) cache.set(value, value.bind(owner));
  return cache.get(value);
}

function standIn(owner, members) {
  const bound = new WeakMap();
  return new Proxy(owner, {
    get(target, name) {
      if (Object.hasOwn(members, name)) return members[name];
      return boundMember(target, Reflect.get(target, name, target), bound);
    },
    set(target, name, value) {
      const own = Object.getOwnPropertyDescriptor(members, name);
      if (own?.set) own.set.call(members, value);
      else if (!own) return Reflect.set(target, name, value, target);
      return true;
    },
  });
}

function scopedDocument(instance) {
  const { host } = instance;
  return standIn(document, {
    querySelectorAll: (selector) => queryAllScoped(instance, selector),
    querySelector: (selector) =>
      queryAllScoped(instance, selector)[0] ??
      (/^\s*(?:html|head|body)\s*$/i.test(selector) ? document.querySelector(selector) : null),
    getElementById: (id) => byId(instance, id),
    getElementsByClassName: (names) => host.getElementsByClassName(names),
    getElementsByTagName: (name) =>
      /^(?:html|head|body|script)$/i.test(name)
        ? document.getElementsByTagName(name)
        : host.getElementsByTagName(name),
  });
}

// The file knows its composition by its own id, the document by a unique one.
function scopedTimelines(instance) {
  const own = (name) => (name === instance.id ? instance.key : name);
  return new Proxy(timelineRegistry(), {
    get: (target, name) => Reflect.get(timelineRegistry(), own(name)),
    has: (target, name) => Reflect.has(timelineRegistry(), own(name)),
    set: (target, name, value) => Reflect.set(timelineRegistry(), own(name), value),
    deleteProperty: (target, name) => Reflect.deleteProperty(timelineRegistry(), own(name)),
  });
}

function scopedWindow(instance, scope) {
  const timelines = scopedTimelines(instance);
  const members = {
    get document() {
      return scope.document;
    },
    get gsap() {
      if (!window.gsap) return undefined;
      return (scope.gsap ??= scopedGsap(instance));
    },
    set gsap(value) {
      window.gsap = value;
      scope.gsap = undefined;
    },
    get __timelines() {
      return timelines;
    },
    set __timelines(value) {
      if (value && value !== timelines) Object.assign(timelines, value);
    },
    get __hyperframes() {
      return scope.hyperframes;
    },
    get window() {
      return scope.window;
    },
    get self() {
      return scope.window;
    },
    get globalThis() {
      return scope.window;
    },
  };
  return standIn(window, members);
}

function scopedHyperframes(instance) {
  return standIn(window.__hyperframes ?? {}, { getVariables: () => variablesOf(instance) });
}

function targetsOf(instance, target) {
  if (typeof target === "string") return Array.from(queryAllScoped(instance, target));
  // A list may mix elements and selectors.
  return Array.isArray(target) && target.some((each) => typeof each === "string")
    ? target.flatMap((each) => targetsOf(instance, each))
    : target;
}

const TWEENS = ["to", "from", "fromTo", "set"];
const STAGGERS = ["staggerTo", "staggerFrom", "staggerFromTo"];
const BY_TARGET = [
  ...TWEENS,
  "quickTo",
  "quickSetter",
  "getProperty",
  "killTweensOf",
  "getTweensOf",
  "isTweening",
];

function withTargets(instance, gsap, names) {
  const wrapped = {};
  for (const name of names) {
    if (typeof gsap[name] === "function")
      wrapped[name] = (target, ...rest) => gsap[name](targetsOf(instance, target), ...rest);
  }
  return wrapped;
}

function scopeTimeline(instance, timeline) {
  for (const name of [...TWEENS, ...STAGGERS, "killTweensOf", "getTweensOf"]) {
    const method = timeline[name];
    if (typeof method !== "function") continue;
    defineHidden(timeline, name, function (target, ...rest) {
      return Reflect.apply(method, this, [targetsOf(instance, target), ...rest]);
    });
  }
  return timeline;
}

function scopedGsap(instance) {
  const { gsap } = window;
  const utils = standIn(gsap.utils ?? {}, {
    toArray: (target, scope, ...rest) =>
      gsap.utils.toArray(
        scope === undefined ? targetsOf(instance, target) : target,
        scope,
        ...rest,
      ),
    selector: (scope) => {
      const element =
        typeof scope === "string"
          ? queryAllScoped(instance, scope)[0]
          : (scope?.current ?? scope?.nativeElement ?? scope ?? instance.root);
      return (selector) =>
        typeof selector === "string"
          ? Array.from(element?.querySelectorAll?.(rewriteSelector(selector, instance)) ?? [])
          : gsap.utils.toArray(selector);
    },
  });
  return standIn(gsap, {
    ...withTargets(instance, gsap, BY_TARGET),
    timeline: (...options) => scopeTimeline(instance, gsap.timeline(...options)),
    utils,
  });
}
