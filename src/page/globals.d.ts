// What the page, its libraries and our other scripts keep on `window`. For `tsc --checkJs` only.

interface Window {
  // Ours.
  __pagereel: any;
  __pagereelCollect: any;
  __pagereelConfig: any;
  __pagereelStage: any;
  // HyperFrames' and those of its players.
  __hf: any;
  __hfAnime: any;
  __hfLottie: any;
  __hfThreeTime: any;
  __hfVariables: any;
  __hf_page_composite_pending: any;
  __hf_page_composite_prepare: any;
  __hf_page_composite_resolve: any;
  __hyperframes: any;
  __renderReady: any;
  __tailwindReady: any;
  __timelines: any;
  // Libraries'.
  AnimeJS: any;
  THREE: any;
  anime: any;
  bodymovin: any;
  google: any;
  gsap: any;
  lottie: any;
}
