s/name: "sample"/& namespace: "\/sample"/
