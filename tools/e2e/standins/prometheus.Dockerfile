# Stands in for prom/prometheus, with its program.
FROM clair-standin/debian
COPY prometheus promtool /bin/
RUN install -d -o nobody /prometheus
USER nobody
ENTRYPOINT ["/bin/prometheus"]
