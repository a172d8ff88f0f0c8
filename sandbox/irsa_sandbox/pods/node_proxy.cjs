// Node's own HTTPS clients take no proxy from the environment, and an AWS SDK makes an agent of its
// own, which NODE_USE_ENV_PROXY of newer versions does not reach. Loaded before a program, this lets
// every agent go through HTTPS_PROXY; what is on loopback is reached as always.
"use strict";

const http = require("node:http");
const https = require("node:https");
const tls = require("node:tls");

const proxy = new URL(process.env.HTTPS_PROXY);
const direct = (process.env.NO_PROXY ?? "").split(",");
const connect = https.Agent.prototype.createConnection;

https.Agent.prototype.createConnection = function (options, done) {
  if (direct.includes(options.host)) return connect.call(this, options, done);
  const target = `${options.host}:${options.port}`;
  http
    .request({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: target, agent: false })
    .on("connect", (answer, socket) => {
      if (answer.statusCode === 200) return done(null, tls.connect({ ...options, socket }));
      socket.destroy();
      done(new Error(`${target}: the proxy says ${answer.statusCode} ${answer.statusMessage}`));
    })
    .on("error", done)
    .end();
};
