// The page of the scene `video`, with Remotion's own player.
import React from "react";
import { Video } from "@remotion/media";
import { AbsoluteFill, interpolate, staticFile, useCurrentFrame, useVideoConfig } from "remotion";

export function VideoPage() {
  const frame = useCurrentFrame();
  const { fps } = useVideoConfig();
  const x = interpolate(frame, [0, 3 * fps], [0, 900]);
  return (
    <AbsoluteFill style={{ background: "#000" }}>
      <Video src={staticFile("video/source.mp4")} style={{ position: "absolute", left: 0, top: 0, width: 1920, height: 1080 }} />
      <h1
        style={{
          position: "absolute",
          left: 120,
          top: 420,
          margin: 0,
          color: "#fff",
          textShadow: "0 6px 24px #000a",
          font: '700 160px/1.2 "Liberation Sans", Arial, sans-serif',
          transform: `translateX(${x}px)`,
        }}
      >
        Moving title
      </h1>
    </AbsoluteFill>
  );
}
