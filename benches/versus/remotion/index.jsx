// Remotion's side of `cargo bench --bench versus`: one composition, told by its properties which of the
// bench's pages it shows.
import React from "react";
import { Composition, registerRoot } from "remotion";
import { Page } from "./page.jsx";
import { VideoPage } from "./video.jsx";

const Scene = (props) => (props.scene === "video" ? <VideoPage /> : <Page {...props} />);

registerRoot(() => (
  <Composition
    id="page"
    component={Scene}
    fps={30}
    durationInFrames={90}
    width={1920}
    height={1080}
    defaultProps={{ scene: "short-clip", frames: 90, width: 1920, height: 1080 }}
    calculateMetadata={({ props }) => ({
      durationInFrames: props.frames,
      width: props.width,
      height: props.height,
    })}
  />
));
