// Two scenes with edges, text, fine patterns and smooth areas, in any size.
const HEIGHT = 270;
const WIDTH = 480;
const SHADERS = [
  "domain-warp", "ridged-burn", "whip-pan", "sdf-iris", "ripple-waves", "gravitational-lens", "cinematic-zoom",
  "chromatic-split", "glitch", "swirl-vortex", "thermal-distortion", "flash-through-white", "cross-warp-morph", "light-leak",
];
const PROGRESS = [0.25, 0.5, 0.75];
const ACCENT = "#ff8a3d";

function drawScene(canvas, number) {
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d");
  const sky = pen.createLinearGradient(0, 0, WIDTH, HEIGHT);
  for (const [at, color] of number === 0 ? [[0, "#12305c"], [0.6, "#3f77b5"], [1, "#d8e6f2"]] : [[0, "#fdf0d8"], [0.5, "#c8643c"], [1, "#3a1620"]]) sky.addColorStop(at, color);
  pen.fillStyle = sky;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  for (let i = 0; i < 9; i++) {
    pen.fillStyle = number === 0 ? `hsl(${200 + i * 12} 60% ${25 + i * 7}%)` : `hsl(${10 + i * 9} 70% ${75 - i * 7}%)`;
    pen.beginPath();
    if (number === 0) pen.arc(40 + i * 52, 200 - (i % 3) * 60, 26, 0, 7);
    else pen.rect(14 + i * 52, 60 + (i % 4) * 44, 36, 36);
    pen.fill();
  }
  pen.fillStyle = number === 0 ? "#ffffff" : "#1b0b10";
  pen.font = "700 44px 'Liberation Sans', Arial, sans-serif";
  pen.fillText(number === 0 ? "First scene" : "Second one", 120, 150);
  pen.font = "400 13px 'Liberation Sans', Arial, sans-serif";
  for (let line = 0; line < 4; line++) pen.fillText("Small text in a paragraph, line " + line, 120, 176 + line * 17);
  pen.strokeStyle = pen.fillStyle;
  for (let i = 0; i < 24; i++) {
    pen.beginPath();
    pen.moveTo(330 + i * 6, number === 0 ? 8 : 262);
    pen.lineTo(330 + i * 6, number === 0 ? 60 : 210);
    pen.stroke();
  }
}
