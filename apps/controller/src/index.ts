export { type Controller, type ControllerOptions, startController } from './controller.ts';
export {
  type ControllerConfig,
  type ControllerConfigInput,
  controllerConfigSchema,
  loadConfig,
  parseConfig,
} from './config.ts';
