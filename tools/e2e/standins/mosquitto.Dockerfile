# Stands in for eclipse-mosquitto:2.
FROM clair-standin/debian
USER mosquitto
CMD ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]
