// The demo page: one connection, and each part of the page with the socket that it talks over.

import { Asker } from "./ask.js";
import { Chat } from "./chat.js";
import { Connection } from "./connection.js";
import { Log } from "./log.js";
import { byId, complain } from "./page.js";
import { People } from "./people.js";
import { Replies } from "./replies.js";
import { Resource } from "./resource.js";
import { Rooms } from "./rooms.js";
import { useTokens } from "./tokens.js";
import { Typing } from "./typing.js";

function start() {
  const log = new Log();
  const sockets = Object.fromEntries(["/", "/events", "/chat"].map((namespace) => [namespace, io(namespace)]));
  for (const [namespace, socket] of Object.entries(sockets)) log.follow(socket, namespace);
  const chat = sockets["/chat"];

  const connection = new Connection(sockets);
  const people = new People(chat);
  connection.whenNodeChanges = (node) => people.nodeIs(node);
  useTokens(sockets);
  const rooms = new Rooms(chat, new Asker(chat, "/chat", log));
  new Chat(chat, rooms, new Typing(chat));
  new Resource(sockets["/"], new Asker(sockets["/"], "/", log));
  new Replies(sockets, log);
}

if (typeof io === "function") start();
else complain(byId("notice"), "The Socket.IO client could not be loaded from /socket.io/socket.io.js.");
