var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
// Starts one process; with REDIS_URL its rooms reach over all processes.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { ChatGateway } from './chat.gateway.js';
import { Database } from './database.js';
import { RbacGuard } from './rbac.guard.js';
let AppModule = class AppModule {
};
AppModule = __decorate([
    Module({ providers: [Database, RbacGuard, ChatGateway] })
], AppModule);
class RedisIoAdapter extends IoAdapter {
    adapter;
    constructor(app, adapter) {
        super(app);
        this.adapter = adapter;
    }
    static async connect(app, url) {
        const publisher = createClient({ url });
        const subscriber = publisher.duplicate();
        await Promise.all([publisher.connect(), subscriber.connect()]);
        return new RedisIoAdapter(app, createAdapter(publisher, subscriber));
    }
    createIOServer(port, options) {
        const server = super.createIOServer(port, options);
        server.adapter(this.adapter);
        return server;
    }
}
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
if (process.env.REDIS_URL)
    app.useWebSocketAdapter(await RedisIoAdapter.connect(app, process.env.REDIS_URL));
else
    app.useWebSocketAdapter(new IoAdapter(app));
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
console.log('ready');
