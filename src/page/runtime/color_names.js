// Names of numbers in a grade, with their ranges and defaults, and presets: HyperFrames'.

const ADJUSTMENTS = ["contrast", "highlights", "shadows", "whites", "blacks", "temperature", "tint", "vibrance", "saturation"];
/** Least, most and default of numbers, by name. */
export const ADJUST = { exposure: [-2, 2, 0], ...Object.fromEntries(ADJUSTMENTS.map((name) => [name, [-1, 1, 0]])) };
export const WHEEL = { hue: [0, 360, 0], amount: [0, 1, 0], level: [-1, 1, 0] };
export const DETAILS = { vignette: [0, 1, 0], vignetteMidpoint: [0, 1, 0.5], vignetteRoundness: [-1, 1, 0], vignetteFeather: [0, 1, 0.65], grain: [0, 1, 0], grainSize: [0, 1, 0.25], grainRoughness: [0, 1, 0.5] };
/** Defaults of effects; their range is 0 to 1 unless `EFFECT_RANGES` says otherwise. */
const EFFECT_DEFAULTS = {
  blur: 0, pixelate: 0, chromaBleed: 0, filmArtifacts: 0, crtCurvature: 0,
  bloom: 0, bloomRadius: 8,
  kuwahara: 0, kuwaharaRadius: 1 / 7, kuwaharaSharpness: 5 / 16, kuwaharaSaturation: 0.5,
  tapeDamage: 0, tapeTracking: 0, tapeNoise: 1, tapeSpeed: 0.5,
  scanlines: 0, scanlineCount: 0, scanlineSoftness: 0,
  chromaticAberration: 0, chromaticAngle: 0,
  digitalGlitch: 0, digitalGlitchColorSplit: 0, digitalGlitchLineTear: 0, digitalGlitchPixelate: 0, digitalGlitchBlockAmount: 0, digitalGlitchBlockDisplacement: 0, digitalGlitchBlockOpacity: 0, digitalGlitchSpeed: 0,
  halftone: 0, halftoneSize: 0,
  twoInkPrint: 0, twoInkPrintSize: 0,
  dither: 0, ditherSize: 0,
  monoScreen: 0, monoScreenSize: 0, monoScreenAngle: 0, monoScreenSpread: 0, monoScreenShape: 0, monoScreenInvert: 0,
  ascii: 0, asciiSize: 5 / 76, asciiStyle: 0, asciiInvert: 0, asciiColor: 1, asciiRotation: 0,
  engraving: 0, engravingSpacing: 7 / 17, engravingMinThickness: 0.2, engravingMaxThickness: 3.2 / 7, engravingAngle: 0.25, engravingContrast: 7 / 15, engravingSharpness: 0.59, engravingWave: 0.2, engravingWaveFrequency: 2 / 9,
  crosshatch: 0, crosshatchSpacing: 7 / 25, crosshatchThickness: 0.25, crosshatchAngle: 0.25, crosshatchContrast: 1 / 3, crosshatchEdges: 0.5, crosshatchLineWeight: 0, crosshatchWave: 0.33, crosshatchWaveFrequency: 2 / 9,
};
const EFFECT_RANGES = { bloom: [0, 3], bloomRadius: [1, 100], asciiStyle: [0, 7], monoScreenShape: [0, 4] };
export const EFFECTS = Object.fromEntries(Object.entries(EFFECT_DEFAULTS).map(([name, value]) => [name, [...(EFFECT_RANGES[name] ?? [0, 1]), value]]));
/** Effects that do something by themselves; the other names steer them. */
export const AMOUNTS = ["blur", "pixelate", "bloom", "kuwahara", "chromaBleed", "tapeDamage", "filmArtifacts", "scanlines", "chromaticAberration", "crtCurvature", "digitalGlitch", "halftone", "twoInkPrint", "dither", "monoScreen", "ascii", "engraving", "crosshatch"];

const VINTAGE = { exposure: 0.03, contrast: -0.12, highlights: -0.1, shadows: 0.16, whites: -0.04, blacks: 0.08, temperature: 0.13, vibrance: -0.08, saturation: -0.08 };
export const PRESETS = {
  neutral: {},
  "warm-daylight": { adjust: { exposure: 0.06, contrast: 0.07, highlights: -0.06, shadows: 0.08, temperature: 0.18, saturation: 0.08 } },
  "clean-studio": { adjust: { contrast: 0.08, highlights: -0.08, shadows: 0.06, temperature: -0.08, tint: 0.03, saturation: 0.04 } },
  "skin-soft": { adjust: { exposure: 0.04, contrast: -0.03, highlights: -0.12, shadows: 0.12, temperature: 0.08, tint: 0.02, saturation: 0.04 } },
  "food-pop": { adjust: { exposure: 0.06, contrast: 0.1, shadows: 0.06, temperature: 0.14, vibrance: 0.1, saturation: 0.18 } },
  "night-lift": { adjust: { exposure: 0.08, contrast: 0.08, highlights: -0.18, shadows: 0.2, blacks: -0.08, saturation: 0.04 }, details: { vignette: 0.12 } },
  "muted-editorial": { adjust: { exposure: -0.02, contrast: 0.08, highlights: -0.08, shadows: 0.06, blacks: -0.05, temperature: -0.03, saturation: -0.12 }, details: { vignette: 0.1 } },
  "vintage-wash": { adjust: VINTAGE, details: { vignette: 0.18 } },
  "mono-clean": { adjust: { contrast: 0.12, highlights: -0.04, shadows: 0.04, blacks: -0.08, saturation: -1 } },
  "mono-fade": { adjust: { contrast: -0.04, highlights: -0.06, shadows: 0.1, blacks: 0.12, saturation: -1 }, details: { vignette: 0.08 } },
  "soft-boost": { adjust: { exposure: 0.06, contrast: -0.04, highlights: -0.14, shadows: 0.16, vibrance: 0.08, saturation: 0.1 } },
  "bright-pop": { adjust: { exposure: 0.12, contrast: 0.12, whites: 0.08, blacks: -0.04, vibrance: 0.08, saturation: 0.14 } },
  "deep-contrast": { adjust: { exposure: -0.03, contrast: 0.2, highlights: -0.08, shadows: -0.08, blacks: -0.12, saturation: 0.06 } },
  "creator-camcorder": {
    intensity: 0.72,
    adjust: { contrast: 0.08, highlights: -0.05, shadows: 0.02, whites: 0.03, blacks: -0.04, temperature: -0.03, tint: -0.015, vibrance: -0.03, saturation: -0.06 },
    details: { vignette: 0.06, grain: 0.08, grainSize: 0.18, grainRoughness: 0.58 },
    effects: { chromaBleed: 0.55 },
  },
  "vhs-playback": {
    adjust: { contrast: -0.04, saturation: -0.08 },
    details: { grain: 0.16, grainSize: 0.12, grainRoughness: 0.72 },
    effects: { tapeDamage: 0.82, tapeTracking: 0.85, tapeNoise: 0.3, tapeSpeed: 0.5, chromaBleed: 0.5, chromaticAberration: 0.18, scanlines: 0.35, scanlineCount: 0.17, scanlineSoftness: 1, digitalGlitch: 0.32, digitalGlitchLineTear: 0.08, digitalGlitchSpeed: 0.5 },
  },
  "home-movie-8mm": {
    intensity: 0.72,
    adjust: VINTAGE,
    details: { vignette: 0.28, vignetteMidpoint: 0.54, vignetteFeather: 0.72, grain: 0.34, grainSize: 0.18, grainRoughness: 0.72 },
    effects: { filmArtifacts: 0.62 },
  },
  "editorial-halftone": { adjust: { contrast: 0.04, saturation: 0.04 }, effects: { halftone: 0.94, halftoneSize: 0.36 } },
  "two-ink-print": { adjust: { contrast: 0.08, highlights: -0.06, shadows: 0.04 }, effects: { twoInkPrint: 1, twoInkPrintSize: 0.42 } },
};
