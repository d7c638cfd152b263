/name: "COUNT_NOTES"/,/rate/s/id_key: "roomId"/& source: TEXT_PAYLOAD/
