var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
var __metadata = (this && this.__metadata) || function (k, v) {
    if (typeof Reflect === "object" && typeof Reflect.metadata === "function") return Reflect.metadata(k, v);
};
var __param = (this && this.__param) || function (paramIndex, decorator) {
    return function (target, key) { decorator(target, key, paramIndex); }
};
// The gateway: authenticates in a middleware, keeps rooms, acks after the commit.
import { Inject, UseFilters, UseGuards, UsePipes, ValidationPipe } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer, } from '@nestjs/websockets';
import jwt from 'jsonwebtoken';
import { Server, Socket } from 'socket.io';
import { Database } from './database.js';
import { ErrorsFilter } from './errors.filter.js';
import { RoomPayload, SendMessagePayload } from './payloads.js';
import { RbacGuard, Requires } from './rbac.guard.js';
const secret = process.env.BELFRY_JWT_SECRET ?? '';
let ChatGateway = class ChatGateway {
    database;
    server;
    constructor(database) {
        this.database = database;
    }
    afterInit(server) {
        server.use((socket, next) => {
            try {
                const claims = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ['HS256'] });
                socket.data.user = { id: claims.sub, username: claims.username };
                next();
            }
            catch {
                next(new Error('UNAUTHENTICATED'));
            }
        });
    }
    handleConnection(client) {
        client.emit('CONNECTION_SUCCESS', { message: 'Connected', user: client.data.user, sessionId: client.id });
    }
    async join(client, { roomId }) {
        await client.join(roomId);
        return { room: { id: roomId } };
    }
    async send(client, payload) {
        const { id: authorId, username: authorName } = client.data.user;
        const { roomId, content, clientId } = payload;
        const row = await this.database.insertMessage(roomId, authorId, content, clientId ?? null);
        const message = { id: row.id, roomId, authorId, authorName, content, clientId, createdAt: row.created_at };
        this.server.to(roomId).emit('MESSAGE_CREATED', { message });
        return { message };
    }
    start(client, { roomId }) {
        return this.typing(client, roomId, true);
    }
    stop(client, { roomId }) {
        return this.typing(client, roomId, false);
    }
    typing(client, roomId, isTyping) {
        if (!client.rooms.has(roomId))
            return { error: { code: 'PERMISSION_DENIED' } };
        const { id: userId, username } = client.data.user;
        client.to(roomId).emit('USER_TYPING', { roomId, userId, username, isTyping });
        return {};
    }
};
__decorate([
    WebSocketServer(),
    __metadata("design:type", Server)
], ChatGateway.prototype, "server", void 0);
__decorate([
    SubscribeMessage('JOIN_ROOM'),
    Requires('VIEW_ROOM'),
    __param(0, ConnectedSocket()),
    __param(1, MessageBody()),
    __metadata("design:type", Function),
    __metadata("design:paramtypes", [Socket, RoomPayload]),
    __metadata("design:returntype", Promise)
], ChatGateway.prototype, "join", null);
__decorate([
    SubscribeMessage('SEND_MESSAGE'),
    Requires('SEND_MESSAGE'),
    __param(0, ConnectedSocket()),
    __param(1, MessageBody()),
    __metadata("design:type", Function),
    __metadata("design:paramtypes", [Socket, SendMessagePayload]),
    __metadata("design:returntype", Promise)
], ChatGateway.prototype, "send", null);
__decorate([
    SubscribeMessage('TYPING_START'),
    __param(0, ConnectedSocket()),
    __param(1, MessageBody()),
    __metadata("design:type", Function),
    __metadata("design:paramtypes", [Socket, RoomPayload]),
    __metadata("design:returntype", void 0)
], ChatGateway.prototype, "start", null);
__decorate([
    SubscribeMessage('TYPING_STOP'),
    __param(0, ConnectedSocket()),
    __param(1, MessageBody()),
    __metadata("design:type", Function),
    __metadata("design:paramtypes", [Socket, RoomPayload]),
    __metadata("design:returntype", void 0)
], ChatGateway.prototype, "stop", null);
ChatGateway = __decorate([
    WebSocketGateway({ transports: ['websocket'], perMessageDeflate: false }),
    UseFilters(ErrorsFilter),
    UseGuards(RbacGuard),
    UsePipes(new ValidationPipe({ whitelist: true })),
    __param(0, Inject(Database)),
    __metadata("design:paramtypes", [Database])
], ChatGateway);
export { ChatGateway };
