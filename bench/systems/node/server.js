// node server.js ws|socket.io PORT: sends every posted message to all sockets.

const http = require("node:http");
const { WebSocketServer } = require("ws");
const { Server } = require("socket.io");

const start = {
  ws(server) {
    const sockets = new WebSocketServer({ server, perMessageDeflate: false });
    return (body) => {
      for (const socket of sockets.clients) socket.send(body.toString());
    };
  },
  "socket.io"(server) {
    const io = new Server(server, { transports: ["websocket"] });
    io.on("connection", (socket) => socket.join("room"));
    return (body) => io.to("room").emit("event", JSON.parse(body));
  },
};

const [library, port] = process.argv.slice(2);
const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    publish(Buffer.concat(pieces));
    response.writeHead(202, { "Content-Length": 0 }).end();
  });
});
const publish = start[library](server);
server.listen(Number(port), "127.0.0.1", 4096);
