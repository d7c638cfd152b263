var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
var __metadata = (this && this.__metadata) || function (k, v) {
    if (typeof Reflect === "object" && typeof Reflect.metadata === "function") return Reflect.metadata(k, v);
};
// What clients may send.
import { IsOptional, IsString, IsUUID, Length } from 'class-validator';
export class RoomPayload {
    roomId;
}
__decorate([
    IsUUID('all'),
    __metadata("design:type", String)
], RoomPayload.prototype, "roomId", void 0);
export class SendMessagePayload extends RoomPayload {
    content;
    clientId;
}
__decorate([
    IsString(),
    Length(1, 4000),
    __metadata("design:type", String)
], SendMessagePayload.prototype, "content", void 0);
__decorate([
    IsOptional(),
    IsUUID('all'),
    __metadata("design:type", String)
], SendMessagePayload.prototype, "clientId", void 0);
