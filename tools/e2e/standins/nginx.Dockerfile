# Stands in for the nginx image that the frontend's stands on, and for the frontend
# where there is none.
FROM clair-standin/debian
RUN rm -rf /etc/nginx/sites-enabled /var/log/nginx && mkdir -p /etc/nginx/conf.d /var/log/nginx
RUN printf 'worker_processes 1; pid /tmp/nginx.pid; error_log stderr;\nevents {}\nhttp { access_log off; client_body_temp_path /tmp/c; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s; server { listen 8080; location / { return 200 "stand-in\\n"; } } }\n' >/etc/nginx/nginx.conf
USER www-data
STOPSIGNAL SIGQUIT
CMD ["nginx", "-e", "stderr", "-g", "daemon off;"]
