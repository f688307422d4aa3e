//! Runs the example `digest` on planted trees, beside the commands that it stands for.
