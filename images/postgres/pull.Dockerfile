# The public PostgreSQL with the lab's start script; both know the same user, 999.
ARG BASE
FROM ${BASE}
COPY files/ /
RUN install --directory --owner 999 --group 999 --mode 700 /var/lib/postgresql/data
USER 999
STOPSIGNAL SIGINT
ENTRYPOINT ["lab-postgres"]
CMD []
