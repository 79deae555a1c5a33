//! Renders, checks and deploys a Socket.IO service on AWS, and runs the same stack locally.
