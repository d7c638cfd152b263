s/int32 weight/uint32 weight/
