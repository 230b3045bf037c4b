# The public Gitea (rootless, user 1000) with the lab's start script.
ARG BASE
FROM ${BASE}
COPY files/ /
ENTRYPOINT ["dumb-init", "--", "lab-gitea"]
CMD []
