# Stands in for eclipse-mosquitto:2, with its account 1883, its folder, and an nc for health checks.
FROM clair-standin/debian
RUN mkdir -p /mosquitto/data && chown 1883:1883 /mosquitto/data \
  && printf '#!/bin/bash\nexec 3<>"/dev/tcp/$2/$3"\n' >/usr/local/bin/nc && chmod +x /usr/local/bin/nc
USER mosquitto
CMD ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
