# Stands in for oliver006/redis_exporter.
FROM clair-standin/debian
USER nobody
ENTRYPOINT ["prometheus-redis-exporter"]
