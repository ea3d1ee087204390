# Stands in for haproxy:3.2.
FROM clair-standin/debian
USER haproxy
CMD ["haproxy", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
