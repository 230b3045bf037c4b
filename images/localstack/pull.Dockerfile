# The public LocalStack with the lab's init hooks, which keep S3 in /data. It starts as the user that the lab's has.
ARG BASE
FROM ${BASE}
USER 0
COPY files/ /
RUN mkdir -p /data /var/lib/localstack /tmp/localstack && chown -R 1000:1000 /data /var/lib/localstack /tmp/localstack
ENV DISABLE_EVENTS=1 DNS_ADDRESS=0 EAGER_SERVICE_LOADING=1 GATEWAY_LISTEN=0.0.0.0:4566 HOME=/var/lib/localstack \
    LAB_DURABLE_S3_DIR=/data OVERRIDE_IN_DOCKER=1 SERVICES=s3,sts,iam SKIP_SSL_CERT_DOWNLOAD=1
USER 1000
WORKDIR /opt/code/localstack
ENTRYPOINT ["/opt/code/localstack/.venv/bin/python", "-m", "localstack.runtime.main"]
CMD []
