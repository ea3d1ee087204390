# Stands in for redis:7.4-bookworm.
FROM clair-standin/debian
RUN install -d -o redis -g redis /data
USER redis
WORKDIR /data
CMD ["redis-server"]
