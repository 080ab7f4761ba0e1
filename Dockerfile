# The image of Cadre's worker; its command line is in there too. See docs/deployment.md.

ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /source
COPY requirements.lock ./
RUN python -m venv /opt/cadre \
    && /opt/cadre/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY cadre cadre
COPY workflows workflows
COPY activities activities
COPY workers workers
COPY starters starters
# Built and installed without looking for anything: all that is needed comes from the lock.
RUN /opt/cadre/bin/python -m build --wheel --no-isolation --outdir /wheel \
    && /opt/cadre/bin/pip install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM ${PYTHON}
# What agents' commands run in and with. Toolchains of your projects: see docs/deployment.md.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap git make util-linux \
    && rm -rf /var/lib/apt/lists/*
ARG UID=1000
ARG GID=1000
RUN groupadd --gid "$GID" --non-unique cadre \
    && useradd --uid "$UID" --gid "$GID" --non-unique --create-home cadre \
    && install --directory --owner="$UID" --group="$GID" --mode=0700 /var/lib/cadre
COPY --from=build /opt/cadre /opt/cadre
ENV PATH=/opt/cadre/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CADRE_STATE_DIR=/var/lib/cadre
USER cadre
WORKDIR /home/cadre
VOLUME /var/lib/cadre
STOPSIGNAL SIGTERM
ENTRYPOINT ["cadre"]
CMD ["worker"]
