// Programs that prepare a picture for grading, each over the whole of it: blur, glow, painting.

/** Vertices of one triangle over everything. */
export const VERTEX_PROGRAM = `#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0); }`;

const PASS_HEAD = `#version 300 es
precision highp float;
uniform sampler2D source;
uniform vec2 size;
out vec4 result;
`;

/** Colors that carry their alpha: only those can be averaged. */
export const CARRY_PASS = `${PASS_HEAD}
void main() { vec4 c = texture(source, gl_FragCoord.xy / size); result = vec4(c.rgb * c.a, c.a); }`;

/** One direction of a Gaussian, in 25 taps over twice the radius. */
export const BLUR_PASS = `${PASS_HEAD}
uniform vec2 direction;
uniform float radius;
uniform float weights[13];
void main() {
  vec2 uv = gl_FragCoord.xy / size, by = direction * radius / 12.0 / size;
  vec4 sum = weights[0] * texture(source, uv);
  for (int i = 1; i < 13; i++) sum += weights[i] * (texture(source, uv + by * float(i)) + texture(source, uv - by * float(i)));
  result = sum;
}`;

/** Mixes a picture with a blurred one, whose colors carry their alpha. */
export const MIX_PASS = `${PASS_HEAD}
uniform sampler2D other;
uniform float amount;
void main() {
  vec4 own = texelFetch(source, ivec2(gl_FragCoord.xy), 0), soft = texture(other, gl_FragCoord.xy / size);
  vec4 c = mix(vec4(own.rgb * own.a, own.a), soft, amount);
  result = vec4(c.a > 0.0 ? c.rgb / c.a : vec3(0.0), c.a);
}`;

/** Sums of colors, and of their squares, over so many pixels to the right or upwards. The first pass reads the
 *  picture, whose edges go on; its target is larger by `reach` to the left and below. */
export const SUM_PASS = `#version 300 es
precision highp float;
uniform sampler2D source;
uniform vec2 size;
uniform float reach;
uniform bool isFirst;
out vec4 result;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(source, 0) - 1;
  int r = int(reach);
  vec4 sum = vec4(0.0);
  for (int i = 0; i <= r; i++) {
    if (isFirst) {
      vec3 c = texelFetch(source, clamp(ivec2(at.x - r + i, at.y), ivec2(0), last), 0).rgb;
      sum += vec4(c, dot(c, c));
    } else sum += texelFetch(source, ivec2(at.x, clamp(at.y - r + i, 0, last.y)), 0);
  }
  result = sum;
}`;

/** Of four squares around a pixel, those whose colors differ least count most. */
export const KUWAHARA_PASS = `${PASS_HEAD}
uniform sampler2D sums;
uniform float amount, reach, sharpness, saturation;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  vec4 own = texelFetch(source, at, 0);
  int r = int(reach);
  float count = (reach + 1.0) * (reach + 1.0), least = 1e9;
  vec3 means[4];
  float variances[4];
  for (int k = 0; k < 4; k++) {
    vec4 sum = texelFetch(sums, at + r * ivec2(k % 2, k / 2), 0) / count;
    means[k] = sum.rgb;
    variances[k] = max(sum.a - dot(sum.rgb, sum.rgb), 0.0);
    least = min(least, variances[k]);
  }
  vec3 all = vec3(0.0);
  float weights = 0.0;
  for (int k = 0; k < 4; k++) {
    float weight = pow((least + 1e-4) / (variances[k] + 1e-4), 1.0 + 8.0 * sharpness);
    all += weight * means[k];
    weights += weight;
  }
  vec3 c = all / weights;
  float y = dot(c, vec3(0.2126, 0.7152, 0.0722));
  result = vec4(mix(own.rgb, clamp(mix(vec3(y), c, 2.0 * saturation), 0.0, 1.0), amount), own.a);
}`;

/** The parts that are bright enough to glow, in half the size. */
export const BRIGHT_PASS = `${PASS_HEAD}
void main() {
  vec4 c = texture(source, gl_FragCoord.xy / size);
  result = vec4(dot(c.rgb, vec3(0.299, 0.587, 0.114)) > 0.5 ? c.rgb * c.a : vec3(0.0), 1.0);
}`;

/** Spreads the glow in one direction, in nine taps. */
export const GLOW_PASS = `${PASS_HEAD}
uniform vec2 direction;
uniform float radius;
void main() {
  vec2 uv = gl_FragCoord.xy / size, along = direction * radius * 0.25 / size;
  float weights[5] = float[](0.227, 0.195, 0.122, 0.054, 0.016);
  vec3 sum = weights[0] * texture(source, uv).rgb;
  for (int i = 1; i < 5; i++) sum += weights[i] * (texture(source, uv + along * float(i)).rgb + texture(source, uv - along * float(i)).rgb);
  result = vec4(sum, 1.0);
}`;
