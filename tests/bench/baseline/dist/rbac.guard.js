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
// Asks PostgreSQL for each event that needs a right, so that a revoked role counts at once.
import { Inject, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { WsException } from '@nestjs/websockets';
import { Database } from './database.js';
export const Requires = (action) => SetMetadata('action', action);
let RbacGuard = class RbacGuard {
    reflector;
    database;
    constructor(reflector, database) {
        this.reflector = reflector;
        this.database = database;
    }
    async canActivate(context) {
        const action = this.reflector.get('action', context.getHandler());
        if (!action)
            return true;
        const ws = context.switchToWs();
        const { user } = ws.getClient().data;
        const { roomId } = ws.getData();
        if (typeof roomId === 'string' && (await this.database.isAllowed(user.id, roomId, action)))
            return true;
        throw new WsException('PERMISSION_DENIED');
    }
};
RbacGuard = __decorate([
    Injectable(),
    __param(0, Inject(Reflector)),
    __param(1, Inject(Database)),
    __metadata("design:paramtypes", [Reflector,
        Database])
], RbacGuard);
export { RbacGuard };
