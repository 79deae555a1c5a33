import { io } from "socket.io-client";

const url = process.env.HOLDFAST_URL ?? "https://drops.example.com";
const socket = io(`${url}/dropcodes`, {
  path: "/websockets",
  extraHeaders: { Authorization: `ApiKey ${process.env.PLUGIN_KEY}` },
  withCredentials: true, // keeps the load balancer's cookie: polling needs it with several nodes
});

const shown = new Set();
socket.on("code", (data, message, ack) => {
  if (!shown.has(message.id)) {
    shown.add(message.id); // a message may come again: it is shown once
    console.log(data.code, `worth showing for ${message.expires_in} ms`);
  }
  ack(message.id); // a message that is not acknowledged comes again
});

socket.on("connect", () => console.error("connected"));
socket.on("disconnect", (reason) => console.error("disconnected:", reason));
socket.on("connect_error", (error) => {
  // With data.code the refusal is final. Without it the client comes back by itself.
  console.error(error.message, error.data?.code ?? "");
});
